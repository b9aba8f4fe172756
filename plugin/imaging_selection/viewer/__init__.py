"""The pages for people: their files, and the JSON that they alone ask for.

`routes` answers, `static` has the HTML, CSS and JavaScript. The pages use the FHIR API
for all else.
"""
