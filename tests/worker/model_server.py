"""Stands for tensorflow_model_server: reads its configuration, answers REST as that does; y = 2x and z = x + 1."""

import json
import os
import re
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

options = dict(word.lstrip("-").split("=", 1) for word in sys.argv[1:])
fault = os.path.basename(sys.argv[0]).partition("-")[2]
with open(options["model_config_file"]) as file:
    config = file.read()
base = re.search(r'base_path: "([^"]+)"', config).group(1)
versions = sorted(name for name in os.listdir(base) if os.path.exists(os.path.join(base, name, "saved_model.pb")))
assert options["enable_batching"] == "true" and os.path.exists(options["batching_parameters_file"])
if fault == "exits":
    sys.exit(3)


def computed(x):
    if isinstance(x, list):
        pairs = [computed(value) for value in x]
        return [one for one, _ in pairs], [other for _, other in pairs]
    return 2 * x, x + 1


class Answers(BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def say(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        assert self.path == "/v1/models/model"
        self.say(200, {"model_version_status": [{"version": name, "state": "AVAILABLE"} for name in versions]})

    def do_POST(self):
        version = re.fullmatch(r"/v1/models/model/versions/(\d+):predict", self.path).group(1)
        given = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if fault == "refuses":
            self.say(400, {"error": "no such signature"})
        elif "instances" in given:
            made = [computed(row["x"]) for row in given["instances"]]
            self.say(200, {"predictions": [{"y": one, "z": other} for one, other in made]})
        else:
            one, other = computed(given["inputs"]["x"])
            if fault == "wrong" and version == "2":
                one = other
            self.say(200, {"outputs": {"y": one, "z": other}})


HTTPServer(("127.0.0.1", int(options["rest_api_port"])), Answers).serve_forever()
