// National cryptography by another implementation, npm's sm-crypto: SM2 and SM3. Reads one JSON object from standard input,
// answers with one on standard output. All bytes are hexadecimal.
const { sm2, sm3 } = require("sm-crypto");

const bytes = (hex) => Array.from(Buffer.from(hex, "hex"));
const standard = { hash: true, der: false };

const asked = JSON.parse(require("fs").readFileSync(0, "utf8"));
const answer = {
  hashes: asked.hash.map((message) => sm3(bytes(message))),
  verified: asked.verify.map(({ public: key, message, signature }) =>
    sm2.doVerifySignature(bytes(message), signature, key, standard),
  ),
  signatures: asked.sign.map(({ secret, public: publicKey, message }) =>
    sm2.doSignature(bytes(message), secret, { ...standard, publicKey }),
  ),
  // C1C3C2; it leaves out that the point is uncompressed.
  encrypted: asked.encrypt.map(({ public: key, text }) => "04" + sm2.doEncrypt(bytes(text), key, 1)),
  decrypted: asked.decrypt.map(({ secret, text }) =>
    Buffer.from(sm2.doDecrypt(text.slice(2), secret, 1, { output: "array" })).toString("hex"),
  ),
};
process.stdout.write(JSON.stringify(answer));
