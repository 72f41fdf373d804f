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


def sm2_key(secret=None, public="04", mode=0):
    key = sm2.CryptSM2(private_key=secret, public_key="", mode=mode)
    # Not by the constructor: it strips every 0 and 4 that a coordinate begins with.
    key.public_key = public[2:]
    return key


def verifies(public, message, signature):
    return bool(sm2_key(public=public).verify_with_sm3(signature, bytes.fromhex(message)))


def sign(secret, public, message):
    signer = sm2_key(secret, public)
    signature = None
    while signature is None:  # gmssl answers with nothing where the standard draws again
        signature = signer.sign_with_sm3(bytes.fromhex(message), secrets.token_hex(32))
    return signature.rjust(128, "0")


def encrypt(public, plain):
    """SM2, C1C3C2; gmssl leaves out that the point is uncompressed."""
    return "04" + sm2_key(public=public, mode=1).encrypt(bytes.fromhex(plain)).hex()


def decrypt(secret, sealed):
    # gmssl does not compare the hash: what was changed comes out as something else.
    return sm2_key(secret, mode=1).decrypt(bytes.fromhex(sealed[2:])).hex()


asked = json.load(sys.stdin)
unhex = lambda one: [bytes.fromhex(one[name]) for name in ("key", "nonce", "text", "aad")]
json.dump(
    {
        "hashes": [sm3.sm3_hash(list(bytes.fromhex(message))) for message in asked["hash"]],
        "verified": [verifies(one["public"], one["message"], one["signature"]) for one in asked["verify"]],
        "signatures": [sign(one["secret"], one["public"], one["message"]) for one in asked["sign"]],
        "encrypted": [encrypt(one["public"], one["text"]) for one in asked["encrypt"]],
        "decrypted": [decrypt(one["secret"], one["text"]) for one in asked["decrypt"]],
        "opened": [open_gcm(*unhex(one)) for one in asked["open"]],
        "sealed": [seal_gcm(*unhex(one)) for one in asked["seal"]],
    },
    sys.stdout,
)
