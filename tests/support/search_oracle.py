"""A search that reads every resource: R5's rules in plain, slow Python.

No code of the package is used here. `meets` decides for one resource and one parameter
of a request; `answers` for a whole request.
"""

import re
import unicodedata
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

RT = "1.2.840.10008.5.1.4.1.1.481.3"
MISSPELT = "1" + RT


def at(resource, *path):
    """Return every element at a path; a list stands for each of its members."""
    found = [resource]
    for name in path:
        below = [each[name] for each in found if name in each]
        found = []
        for each in below:
            found += each if isinstance(each, list) else [each]
    return found


def roi_numbers(resource):
    is_region = "130488" in [
        each.get("code") for each in at(resource, "code", "coding")
    ]
    return at(resource, "instance", "subset") if is_region else []


TOKENS = {
    "_id": lambda r: at(r, "id"),
    "_tag": lambda r: at(r, "meta", "tag"),
    "body-site": lambda r: at(r, "bodySite", "concept"),
    "category": lambda r: at(r, "category"),
    "code": lambda r: at(r, "code"),
    "frame-of-reference": lambda r: at(r, "frameOfReferenceUid"),
    "identifier": lambda r: at(r, "identifier"),
    "instance-uid": lambda r: at(r, "instance", "uid"),
    "roi-number": roi_numbers,
    "series-uid": lambda r: at(r, "seriesUid"),
    "sop-class": lambda r: at(r, "instance", "sopClass"),
    "status": lambda r: at(r, "status"),
    "study-uid": lambda r: at(r, "studyUid"),
}
REFERENCES = {
    "based-on": lambda r: at(r, "basedOn"),
    "body-structure": lambda r: at(r, "bodySite", "reference"),
    "derived-from": lambda r: at(r, "derivedFrom"),
    "endpoint": lambda r: at(r, "endpoint"),
    "patient": lambda r: at(r, "subject"),
    "subject": lambda r: at(r, "subject"),
}
STRINGS = {
    "roi-name": lambda r: (
        at(r, "bodySite", "concept", "text")
        if "roi" in [tag["code"] for tag in at(r, "meta", "tag")]
        else []
    )
}
DATES = {
    "_lastUpdated": lambda r: at(r, "meta", "lastUpdated"),
    "issued": lambda r: at(r, "issued"),
}
URLS = {"_profile": lambda r: at(r, "meta", "profile")}
EVERY = {**TOKENS, **REFERENCES, **STRINGS, **DATES, **URLS}

UIDS = {"frame-of-reference", "instance-uid", "series-uid", "study-uid"}
PLAIN = {"_id", "roi-number", "status"}
# The system that the binding of an element of type code implies.
IMPLIED = {"status": ["http://hl7.org/fhir/imagingselection-status"]}


def codings_of(name, element):
    """Return (system, code) of every coding in a token's element."""
    if name in UIDS or name in PLAIN:
        return [("", element), *((each, element) for each in IMPLIED.get(name, ()))]
    if name == "identifier":
        return [(element.get("system", ""), element["value"])]
    if name == "sop-class":
        codings = [element]
        codings += at(element, "_code", "extension", "valueCodeableConcept", "coding")
        return [(each.get("system", ""), each["code"]) for each in codings]
    codings = element.get("coding", []) if name != "_tag" else [element]
    return [(each.get("system", ""), each["code"]) for each in codings]


def texts_of(name, element):
    concept = element.get("type", {}) if name == "identifier" else element
    texts = [concept[key] for key in ("text", "display") if key in concept]
    return texts + [
        each["display"] for each in at(concept, "coding") if "display" in each
    ]


def split(text, separator):
    """Split at separators; a backslash escapes the letter that follows."""
    parts, letters = [""], iter(text)
    for letter in letters:
        if letter == "\\":
            parts[-1] += letter + next(letters, "")
        elif letter == separator:
            parts.append("")
        else:
            parts[-1] += letter
    return parts


def plain(text):
    for letter in "\\,|$":
        text = text.replace("\\" + letter, f"\0{ord(letter)}\0")
    for letter in "\\,|$":
        text = text.replace(f"\0{ord(letter)}\0", letter)
    return text


def fold(text):
    for _ in range(3):
        text = unicodedata.normalize("NFKD", text.casefold())
        text = "".join(each for each in text if not unicodedata.combining(each))
    return " ".join(text.split())


def uid(text):
    return text.removeprefix("urn:oid:")


def has_token(name, element, value):
    system, *code = map(plain, split(value, "|"))
    system, code = (system, code[0]) if code else (None, system)
    if name in UIDS:
        code = uid(code)
        system = "" if system in {"urn:dicom:uid", "urn:ietf:rfc:3986"} else system
    for theirs, own in codings_of(name, element):
        known = {own}
        if name in {"identifier", "sop-class"}:
            known |= {uid(own), "urn:oid:" + uid(own)}
        if name == "sop-class" and known & {RT, MISSPELT}:
            known |= {RT, MISSPELT, "urn:oid:" + RT, "urn:oid:" + MISSPELT}
        if system in {None, theirs} and (not code or code in known):
            return True
    return False


def is_of_type(element, value):
    system, code, identifier = map(plain, split(value, "|"))
    kinds = [(e.get("system", ""), e["code"]) for e in at(element, "type", "coding")]
    return (system, code) in kinds and uid(element["value"]) == uid(identifier)


def is_below(own, value):
    """Return whether a URL is another one, a version of it, or below it."""
    url = plain(value).removesuffix("/")
    separators = "." if "|" in url else "/|"
    return own == url or any(own.startswith(url + each) for each in separators)


def is_identified(element, value):
    identifier = element.get("identifier", {})
    return "value" in identifier and has_token("identifier", identifier, value)


WITH_RULES_OF_THEIR_OWN = {
    "of-type": is_of_type,
    "below": is_below,
    "identifier": is_identified,
}


def refers(name, element, value, modifier, base_url):
    value = plain(value)
    if value.startswith(base_url + "/"):
        value = value[len(base_url) + 1 :]
    reference = element.get("reference", "")
    if urlsplit(value).scheme or reference.startswith("#") or not reference:
        return False
    kind, _, identity = reference.partition("/")
    if name == "patient" and kind != "Patient":
        return False
    if "/" not in value:
        return identity == value and modifier in {"", kind}
    return reference == value


def interval(text):
    """Return the first moment of a date of any precision, and the first after it."""
    date, _, time = text.replace(" ", "+").partition("T")
    if time:
        start = datetime.fromisoformat(f"{date}T{time}")
        clock = time[: re.match("[0-9:.]*", time).end()]
        fraction = clock.partition(".")[2]
        width = timedelta(minutes=1) if clock.count(":") == 1 else timedelta(seconds=1)
        if fraction:
            width = max(timedelta(microseconds=1), width / 10 ** len(fraction))
        start = start.replace(tzinfo=start.tzinfo or UTC)
        return start, start + width
    year, month, day = (int(each) for each in f"{date}-1-1".split("-")[:3])
    start = datetime(year, month, day, tzinfo=UTC)
    widths = (366, 31, 1)  # days, at most
    end = start + timedelta(days=widths[date.count("-")])
    if date.count("-") < 2:
        end = end.replace(day=1)
    if date.count("-") == 0:
        end = end.replace(month=1)
    return start, end


def compares(prefix, own, theirs, now):
    """Compare the interval of a resource with the one asked for (R5 search)."""
    (low, high), (first, end) = own, theirs
    within = first <= low and high <= end
    if prefix == "ap":
        first, end = first - abs(now - first) / 10, end + abs(now - end) / 10
    return {
        "": within,
        "eq": within,
        "ne": not within,
        "gt": high > end,
        "lt": low < first,
        "ge": high > end or within,
        "le": low < first or within,
        "sa": low >= end,
        "eb": high <= first,
        "ap": low < end and high > first,
    }[prefix]


def is_in_text(own, value, modifier):
    value = plain(value)
    if modifier == "exact":
        return own == value
    if modifier == "contains":
        return fold(value) in fold(own)
    return fold(own).startswith(fold(value))


def meets_value(element, name, modifier, value, asked):
    if name in DATES:
        prefix = value[:2] if value[:2].isalpha() else ""
        theirs = interval(value.removeprefix(prefix))
        moment = interval(element)[0]  # an instant is a point in time
        own = moment, moment + timedelta(microseconds=1)
        return compares(prefix, own, theirs, asked["now"])
    if name in STRINGS:
        return is_in_text(element, value, modifier)
    if modifier == "text":
        return any(is_in_text(each, value, "") for each in texts_of(name, element))
    if modifier in WITH_RULES_OF_THEIR_OWN:
        return WITH_RULES_OF_THEIR_OWN[modifier](element, value)
    if name in REFERENCES:
        return refers(name, element, value, modifier, asked["base_url"])
    return element == plain(value) if name in URLS else has_token(name, element, value)


def meets(resource, name, value, **asked):
    """Return whether one parameter of a request finds a resource."""
    name, _, modifier = name.partition(":")
    elements = EVERY[name](resource)
    if modifier == "missing":
        return (not elements) == (value == "true")
    found = any(
        meets_value(element, name, modifier, each, asked)
        for element in elements
        for each in split(value, ",")
        if each
    )
    return found != (modifier == "not")


def answers(resources, pairs, base_url="", now=None):
    """Return the resources that meet every parameter."""
    return [
        resource
        for resource in resources
        if all(meets(resource, *pair, base_url=base_url, now=now) for pair in pairs)
    ]


SORTS = {
    "_id": lambda r: r["id"],
    "_lastUpdated": lambda r: interval(r["meta"]["lastUpdated"])[0],
    "issued": lambda r: [interval(each)[0] for each in DATES["issued"](r)],
    "roi-name": lambda r: fold("".join(STRINGS["roi-name"](r))),
}
