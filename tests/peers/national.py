"""National cryptography by other implementations: gmssl for SM2 and SM3, OpenSSL's SM4-GCM through cryptography.

Reads one JSON object from standard input, answers with one on standard output. All bytes are hexadecimal.
"""

import json
import secrets
import sys

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from gmssl import sm2, sm3


def open_gcm(key, nonce, sealed, aad):
    ciphertext, tag = sealed[:-16], sealed[-16:]
    cipher = Cipher(algorithms.SM4(key), modes.GCM(nonce, tag)).decryptor()
    cipher.authenticate_additional_data(aad)
    try:
        return (cipher.update(ciphertext) + cipher.finalize()).hex()
    except InvalidTag:
        return None


def seal_gcm(key, nonce, plain, aad):
    cipher = Cipher(algorithms.SM4(key), modes.GCM(nonce)).encryptor()
    cipher.authenticate_additional_data(aad)
    return (cipher.update(plain) + cipher.finalize() + cipher.tag).hex()


def verifies(public, message, signature):
    return bool(sm2.CryptSM2(private_key=None, public_key=public[2:]).verify_with_sm3(signature, bytes.fromhex(message)))


def sign(secret, public, message):
    signer = sm2.CryptSM2(private_key=secret, public_key=public[2:])
    signature = None
    while signature is None:  # gmssl answers with nothing where the standard draws again
        signature = signer.sign_with_sm3(bytes.fromhex(message), secrets.token_hex(32))
    return signature.rjust(128, "0")


asked = json.load(sys.stdin)
unhex = lambda one: [bytes.fromhex(one[name]) for name in ("key", "nonce", "text", "aad")]
json.dump(
    {
        "hashes": [sm3.sm3_hash(list(bytes.fromhex(message))) for message in asked["hash"]],
        "verified": [verifies(one["public"], one["message"], one["signature"]) for one in asked["verify"]],
        "signatures": [sign(one["secret"], one["public"], one["message"]) for one in asked["sign"]],
        "opened": [open_gcm(*unhex(one)) for one in asked["open"]],
        "sealed": [seal_gcm(*unhex(one)) for one in asked["seal"]],
    },
    sys.stdout,
)
