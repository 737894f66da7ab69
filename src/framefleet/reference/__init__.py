"""Documents made from the models: the page of all templates and fields, and the JSON Schema of a request.

`python -m framefleet.reference docs` (or `make docs`) writes them. A test holds them to the models.
"""
