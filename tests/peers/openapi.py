"""Calls a server as its OpenAPI document says, signed in, with what fits the document and what does not.

Arguments: the document, the server's address, a file with an access token by scope, how many requests a route gets, and parameters
of paths that lead to what there is, as `slug=region-820000`. Ends with 0 if every answer is one that the document has.
"""

import json
import sys
import tempfile

import schemathesis
from hypothesis import strategies
from schemathesis.cli import schemathesis as main

document, url, tokens, examples, *parameters = sys.argv[1:]
with open(tokens, encoding="utf-8") as file:
    TOKENS = json.load(file)
with open(document, encoding="utf-8") as file:
    DOCUMENT = json.load(file)


def scopes(case):
    """The scopes that a route asks for."""
    needs = case.operation.definition.raw.get("security", [])
    return [scope for need in needs for of_scheme in need.values() for scope in of_scheme]


@schemathesis.auth(cache_by_key=lambda case, context: " ".join(scopes(case)))
class Member:
    """A member that may call the route."""

    def get(self, case, context):
        return next((TOKENS[scope] for scope in scopes(case)), None)

    def set(self, case, token, context):
        if token:
            case.headers["Authorization"] = f"Bearer {token}"


# Documents in canonical bytes have no schema: they are whatever bytes.
for item in DOCUMENT["paths"].values():
    for operation in item.values():
        for media_type in operation.get("requestBody", {}).get("content", {}):
            if media_type.startswith("application/vnd.nacre."):
                schemathesis.openapi.media_type(media_type, strategies.binary(max_size=4096))

# 413 is an answer to what is too much. 503 is documented, with when to come back: a place that is taken, a witness that is late.
# A seed makes one run like another.
with tempfile.NamedTemporaryFile("w", suffix=".toml", encoding="utf-8") as config:
    config.write("[checks.not_a_server_error]\n")
    config.write('expected-statuses = ["2xx", "3xx", "4xx", 503]\n')
    config.write("[checks.negative_data_rejection]\n")
    config.write('expected-statuses = [400, 401, 403, 404, 405, 406, 409, 412, 413, 415, 422, 428, 429, "5xx"]\n')
    config.write("[parameters]\n")
    for parameter in parameters:
        name, value = parameter.split("=", 1)
        config.write(f'"path.{name}" = {json.dumps(value)}\n')
    config.flush()
    main(
        [
            "--config-file", config.name, "run", document, "--url", url, "--max-examples", examples, "--seed", "7",
            "--phases", "coverage,fuzzing", "--request-timeout", "60", "--suppress-health-check", "all",
            "--exclude-checks", "positive_data_acceptance", "--output-truncate", "true",
        ]
    )
