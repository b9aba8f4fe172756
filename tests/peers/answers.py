"""Ask a FHIR server, and compare the answers of two."""

import json
from dataclasses import dataclass
from urllib.parse import quote

FHIR_JSON = "application/fhir+json"
# Parameter of `_sort` -> the element that it sorts by.
SORTED_BY = {
    "roi-name": lambda each: each.get("bodySite", {}).get("concept", {}).get("text"),
    "issued": lambda each: each["issued"],
    "birthdate": lambda each: each["birthDate"],
    "name": lambda each: min(each["name"][0]["family"], each["name"][0]["text"]),
    "started": lambda each: each["started"],
    "date": lambda each: each["effectiveDateTime"],
}


@dataclass(frozen=True)
class Found:
    """What a search finds: the status, and the ids with their types.

    With `_sort`, `order` has what the matches are sorted by.
    """

    status: int
    matches: frozenset = frozenset()
    included: frozenset = frozenset()
    order: tuple = ()

    def __str__(self):
        if self.status != 200:
            return str(self.status)
        found = f"{len(self.matches)}"
        return f"{found} + {len(self.included)}" if self.included else found


def url_of(search, values):
    """Return the path of a search, escaped; a value may hold any letter."""
    path, _, query = search.format(**values).partition("?")
    pairs = (each.partition("=") for each in query.split("&"))
    escaped = (f"{quote(name, safe=':')}={quote(value)}" for name, _, value in pairs)
    return f"/fhir/{path}?{'&'.join(escaped)}"


def first_page(client, search, values):
    """Ask by GET, or by POST if a parameter is repeated: Orthanc drops one of a GET."""
    url = url_of(search, values) + "&_count=500"
    path, _, query = url.partition("?")
    names = [each.partition("=")[0] for each in query.split("&")]
    if len({*names}) == len(names):
        return client.get(url)
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    return client.request("POST", f"{path}/_search", query.encode(), headers)


def ask(client, search, values):
    """Ask a server, and follow its pages."""
    entries = []
    answer = first_page(client, search, values)
    while answer.status == 200:
        bundle = answer.json
        entries += bundle.get("entry", ())
        following = [e["url"] for e in bundle["link"] if e["relation"] == "next"]
        if not following:
            return _found(search, entries)
        answer = client.get(following[0].removeprefix(client.url))
    return Found(answer.status)


def _found(search, entries):
    by_mode = {"match": [], "include": [], "outcome": []}
    for each in entries:
        by_mode[each["search"]["mode"]].append(each["resource"])
    order = ()
    if "_sort=" in search and by_mode["match"]:
        keys = search.partition("_sort=")[2].replace("-", "").split(",")
        by = [SORTED_BY.get(key.replace("roiname", "roi-name")) for key in keys]
        order = tuple(
            tuple(str(key(each)) for key in by if key) for each in by_mode["match"]
        )
    return Found(200, *map(_names, (by_mode["match"], by_mode["include"])), order=order)


def _names(resources):
    return frozenset(f"{each['resourceType']}/{each['id']}" for each in resources)


def put_all(client, resources):
    """Store resources under their own ids, in one transaction."""
    entry = [
        {
            "resource": each,
            "request": {"method": "PUT", "url": f"{each['resourceType']}/{each['id']}"},
        }
        for each in resources
    ]
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entry}
    answer = client.request(
        "POST", "/fhir", json.dumps(bundle).encode(), {"Content-Type": FHIR_JSON}
    )
    assert answer.status == 200, answer.body[:2000]
