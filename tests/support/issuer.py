"""An OpenID Connect issuer to try tokens of: npm's oidc-provider in a process of its own."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

PACKAGE = "oidc-provider@9.13.3"
NODE = 20
PROGRAM = Path(__file__).with_name("issuer.mjs")
AUDIENCE = "https://graft.test"

Key = dict[str, Any]


def rsa_key(name: str) -> Key:
    made = rsa.generate_private_key(65537, 2048)
    return _key(jwt.algorithms.RSAAlgorithm.to_jwk(made, as_dict=True), name)


def ec_key(name: str) -> Key:
    made = ec.generate_private_key(ec.SECP256R1())
    return _key(jwt.algorithms.ECAlgorithm.to_jwk(made, as_dict=True), name)


def ed_key(name: str) -> Key:
    made = ed25519.Ed25519PrivateKey.generate()
    return _key(jwt.algorithms.OKPAlgorithm.to_jwk(made, as_dict=True), name)


def _key(data: Key, name: str) -> Key:
    # The operations are those of the private key, and the issuer would publish them with the public one.
    return {**{member: value for member, value in data.items() if member != "key_ops"}, "kid": name, "use": "sig"}


@dataclass
class Issuer:
    """The running issuer; its users are clients that have a secret."""

    process: subprocess.Popen[str]
    url: str = ""
    groups: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def configure(
        self,
        keys: Sequence[Key],
        groups: Mapping[str, Sequence[str]],
        *,
        audience: str = AUDIENCE,
        algorithm: str = "RS256",
        seconds: int = 300,
    ) -> None:
        """Have other keys and users from now on."""
        wanted = {"keys": keys, "groups": groups, "audience": audience, "algorithm": algorithm, "seconds": seconds}
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(wanted) + "\n")
        self.process.stdin.flush()
        self.url = f"http://127.0.0.1:{int(self.process.stdout.readline())}"

    def token(self, user: str) -> str:
        """Get a token of a user."""
        answer = httpx.post(
            f"{self.url}/token",
            data={"grant_type": "client_credentials", "scope": "call"},
            auth=(user, f"secret of {user}".replace(" ", "+")),
            timeout=30,
            trust_env=False,
        )
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])


@contextmanager
def run_issuer(package: Path) -> Iterator[Issuer]:
    """Run the issuer that npm has installed in a folder; it is to be configured before it answers."""
    node = shutil.which("node") or "node"
    command = [node, "--no-warnings", str(PROGRAM), str(package)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            yield Issuer(process)
        finally:
            process.kill()
