"""Real FHIR clients against a running gateway: fhirclient and fhirpy post and read, fhir.resources validates every answer.

Usage: fhir_clients.py BASE_URL PERSON_SYSTEM. Ends with status 0 if all went well.
"""

import asyncio
import json
import sys
import urllib.error
import urllib.request

from fhir.resources.R4B import get_fhir_model_class
from fhirclient import client as smart_client
from fhirclient.models import observation as observations
from fhirclient.models import patient as patients
from fhirpy import AsyncFHIRClient

BASE, SYSTEM = sys.argv[1], sys.argv[2]


def validated(resource):
    """The resource, after fhir.resources has found it to be what it says it is."""
    get_fhir_model_class(resource["resourceType"]).model_validate(resource)
    for entry in resource.get("entry", []):
        for inside in (entry.get("resource"), entry.get("response", {}).get("outcome")):
            if inside:
                validated(inside)
    return resource


def call(method, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(BASE + path, data, {"Content-Type": "application/fhir+json"}, method=method)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def patient(value):
    return {
        "resourceType": "Patient",
        "identifier": [{"system": SYSTEM, "value": value}],
        "name": [{"family": "Unmistakable-Name"}],
        "gender": "female",
        "birthDate": "1980-02-29",
    }


def observation(subject, value, code="29463-7", unit="kg"):
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": code}]},
        "subject": {"reference": subject},
        "effectiveDateTime": "2019-03-05T08:00:00+08:00",
        "valueQuantity": {"value": value, "system": "http://unitsofmeasure.org", "code": unit},
    }


def by_fhirclient():
    smart = smart_client.FHIRClient(settings={"app_id": "test", "api_base": BASE})
    created = patients.Patient(patient("fhirclient")).create(smart.server)
    observed = observations.Observation(observation("Patient/" + created["id"], 70.5)).create(smart.server)
    read = observations.Observation.read(observed["id"], smart.server)
    assert read.status == "final" and read.dataAbsentReason.coding[0].code == "masked", read.as_json()
    assert read.valueQuantity is None and read.meta.tag[0].code in ("queued", "posted", "sealed")
    found = observations.Observation.where({"_id": observed["id"]}).perform_resources(smart.server)
    assert [one.id for one in found] == [observed["id"]]


async def by_fhirpy():
    client = AsyncFHIRClient(BASE)
    resource = lambda whole: client.resource(whole.pop("resourceType"), **whole)
    person = resource(patient("fhirpy"))
    await person.save()
    observed = resource(observation("Patient/" + person.id, 71.5))
    await observed.save()
    read = await client.reference("Observation", observed.id).to_resource()
    assert read["dataAbsentReason"]["coding"][0]["code"] == "masked"
    found = await client.resources("Observation").search(_id=observed.id).fetch()
    assert [one.id for one in found] == [observed.id]


def by_hand():
    """Every kind of answer, validated."""
    assert validated(call("GET", "/metadata")[1])["fhirVersion"] == "4.0.1"
    put = lambda kind, key, resource: {
        "fullUrl": "urn:uuid:" + key,
        "resource": {**resource, "id": key},
        "request": {"method": "PUT", "url": f"{kind}/{key}"},
    }
    entries = [put("Patient", "hand", patient("hand")), put("Observation", "hand-1", observation("Patient/hand", 72.5))]
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
    status, answer = call("POST", "/", bundle)
    assert status == 200 and [one["response"]["status"] for one in validated(answer)["entry"]] == ["201", "201"]
    bad = put("Observation", "hand-2", observation("Patient/hand", 72.5, unit="stone"))
    other = put("Encounter", "hand-3", {"resourceType": "Encounter", "status": "finished", "class": {"code": "AMB"}})
    mixed = {"resourceType": "Bundle", "type": "batch", "entry": entries + [bad, other]}
    status, answer = call("POST", "/", mixed)
    statuses = [one["response"]["status"] for one in validated(answer)["entry"]]
    assert status == 200 and statuses == ["200", "200", "422", "204"], statuses
    for status, method, path, body in [
        (422, "POST", "/", {**mixed, "type": "transaction"}),
        (400, "POST", "/", {"resourceType": "Patient"}),
        (422, "POST", "/Patient", {"resourceType": "Patient"}),
        (422, "POST", "/Observation", observation("Patient/nobody", 1)),
        (404, "GET", "/Observation/nothing", None),
        (404, "GET", "/nothing", None),
        (405, "DELETE", "/Observation/hand-1", None),
        (400, "GET", "/Observation?code=29463-7", None),
    ]:
        found, answer = call(method, path, body)
        assert found == status and validated(answer)["resourceType"] == "OperationOutcome", (path, found, answer)
    for path in ["/Patient/hand", "/Observation/hand-1", "/Observation?_id=hand-1", "/Observation?_id=nothing"]:
        status, answer = call("GET", path)
        assert status == 200 and validated(answer), answer


by_fhirclient()
asyncio.run(by_fhirpy())
by_hand()
print("fhirclient, fhirpy and fhir.resources agree")
