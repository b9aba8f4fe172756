"""The pages for people: their files, and JSON for them alone.

Read `routes` first; `static` has the HTML, CSS and JavaScript. For everything else the
pages use the FHIR API and the status route, like any client.
"""
