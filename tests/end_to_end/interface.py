"""The description of the interface, `/openapi.json`, taken at its word: a client
made from it alone, and a judge of what is answered.

The judge needs the Python library jsonschema; without it nothing is judged, and
the test of the description fails and says so."""

import json
import re
import urllib.error
import urllib.parse
import urllib.request

try:
    import jsonschema
except ImportError:
    jsonschema = None

# What is larger is not looked at: Python is slow, and one like it was.
JUDGED_BYTES_MAX = 100_000
# Of the same operation and status.
JUDGED_MAX = 25


def send(request, timeout, trust=None):
    """Status, media type and body of an answer, whatever the status is. For
    https, `trust` is whom to believe."""
    try:
        with urllib.request.urlopen(request, timeout=timeout,
                                    context=trust) as answer:
            return (answer.status, answer.headers.get_content_type(),
                    answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return (error.code, error.headers.get_content_type(),
                    error.read())


class Interface:

    def __init__(self, document):
        self.document = document
        self.judged = {}
        self.judges = {}
        self.patterns = []
        for pattern in document["paths"]:
            parts = re.split(r"\{[^}]*\}", pattern)
            self.patterns.append(
                (re.compile("[^/]+".join(map(re.escape, parts))), pattern))

    # -- judging --------------------------------------------------------------

    def resolve(self, what):
        """What a reference within the document stands for."""
        while "$ref" in what:
            at = self.document
            for part in what["$ref"].removeprefix("#/").split("/"):
                at = at[part]
            what = at
        return what

    def operation(self, method, path):
        path = urllib.parse.urlsplit(path).path
        for expression, pattern in self.patterns:
            if expression.fullmatch(path):
                found = self.document["paths"][pattern].get(method.lower())
                if found:
                    return found
        return None

    def _judge(self, schema):
        key = json.dumps(schema)
        if key not in self.judges:
            # References are to the whole document.
            whole = {"components": self.document["components"], "allOf": [schema]}
            self.judges[key] = jsonschema.Draft202012Validator(whole)
        return self.judges[key]

    def problems_of(self, schema, what):
        return [f"{list(x.absolute_path)}: {x.message}"
                for x in self._judge(schema).iter_errors(what)]

    def check(self, method, path, status, kind, text):
        """Raises if an answer is not one that the description allows."""
        operation = self.operation(method, path)
        if jsonschema is None or operation is None or (
                len(text) > JUDGED_BYTES_MAX):
            return
        key = (operation["operationId"], status)
        self.judged[key] = self.judged.get(key, 0) + 1
        if self.judged[key] > JUDGED_MAX:
            return
        where = f"{method} {path} answered {status}: {text[:2_000]!r}"
        responses = operation["responses"]
        if status < 400 and str(status) not in responses:
            raise AssertionError(f"a status that is not described; {where}")
        answer = self.resolve(
            responses[str(status)] if status < 400 else responses["default"])
        content = answer.get("content", {})
        if kind not in content and "*/*" not in content:
            if content or text:
                raise AssertionError(f"{kind} is not described; {where}")
            return
        if kind.endswith("json"):
            problems = self.problems_of(content[kind]["schema"],
                                        json.loads(text))
            if problems:
                raise AssertionError(f"{'; '.join(problems)}; {where}")

    # -- asking ---------------------------------------------------------------

    def operations(self):
        """By their ids: method, path pattern and description."""
        return {x["operationId"]: (method.upper(), pattern, x)
                for pattern, methods in self.document["paths"].items()
                for method, x in methods.items()}

    def ask(self, address, operation_id, body=None, **given):
        """Calls an operation as the description says; status and JSON or text.
        A parameter that is called `Last-Event-ID` is given as it is."""
        method, path, operation = self.operations()[operation_id]
        query, headers = {}, {}
        for parameter in operation["parameters"]:
            name = parameter["name"]
            if name not in given:
                if parameter.get("required"):
                    raise AssertionError(f"{operation_id} needs {name}")
                continue
            value = given.pop(name)
            if parameter["in"] == "path":
                path = path.replace("{" + name + "}",
                                    urllib.parse.quote(str(value), safe=""))
            elif parameter["in"] == "query":
                query[name] = str(value).lower() if value is True else value
            else:
                headers[name] = value
        if given:
            raise AssertionError(f"{operation_id} does not take {given}")
        data = None
        if "requestBody" in operation and body is not None:
            data = json.dumps(body).encode()
            headers["Content-Type"] = next(
                iter(operation["requestBody"]["content"]))
        if query:
            path += "?" + urllib.parse.urlencode(query)
        request = urllib.request.Request(address + path, method=method,
                                         data=data, headers=headers)
        status, kind, text = send(request, 60)
        self.check(method, path, status, kind, text)
        return status, json.loads(text) if kind.endswith("json") else text
