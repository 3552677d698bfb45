"""The manifests of apps/deploy fit their schemas, and the programs that they name.

Usage: manifests_test.py PROGRAMS_FOLDER ROOT
Exit code 77: the checkers are not installed (tests/package.sh --schemas).
"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

KUBERNETES = ("1.27", "1.31", "1.37")


def run(*arguments):
    return subprocess.run(arguments, check=True, capture_output=True, text=True).stdout


def flags_of(*command):
    return set(re.findall(r"^  (?:-\w,)?(--[\w.-]+)", run(*command, "--help"), re.M))


class ManifestsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        documents = list(yaml.safe_load_all(MANIFEST.read_text()))
        cls.by_kind = {document["kind"]: document for document in documents}
        cls.documents = documents
        cls.pod = cls.by_kind["StatefulSet"]["spec"]["template"]["spec"]
        (cls.container,) = cls.pod["containers"]

    def test_they_fit_the_schemas_of_several_releases(self):
        for version in KUBERNETES:
            for document in self.documents:
                kubernetes_validate.validate(document, version, strict=True)

    def test_the_container_file_is_in_order(self):
        run(VENV / "bin/hadolint", ROOT / "apps/deploy/Containerfile")

    def test_the_image_s_program_takes_the_arguments(self):
        known = flags_of(FOLDER / "crm_materializer")
        for argument in self.container["args"]:
            self.assertIn(argument.split("=")[0], known)

    def test_probes_ask_paths_of_the_query_server(self):
        routes = (ROOT / "engine/run/query_server_routes.cc").read_text()
        ports = {port["name"] for port in self.container["ports"]}
        for probe, path in (("startup", "live"), ("liveness", "live"), ("readiness", "ready")):
            question = self.container[f"{probe}Probe"]["httpGet"]
            self.assertEqual(question["path"], f"/v1/{path}")
            self.assertIn(f'"{question["path"]}"', routes)
            self.assertIn(question["port"], ports)

    def test_the_hook_is_a_command_and_ends_within_the_grace_period(self):
        program, command, *flags = self.container["lifecycle"]["preStop"]["exec"]["command"]
        self.assertEqual(program, "/usr/bin/millrace")
        given = dict(flag.split("=") for flag in flags)
        self.assertLessEqual(given.keys(), flags_of(FOLDER / "millrace", command))
        stop_s = 30  # the default of shutdown.timeout.ms
        self.assertGreater(
            self.pod["terminationGracePeriodSeconds"], int(given["--wait"]) + stop_s
        )

    def test_the_configuration_is_one_and_its_secrets_are_there(self):
        secrets = self.by_kind["Secret"]["stringData"]
        text = secrets["crm.toml"]
        with tempfile.TemporaryDirectory() as folder:
            for name, secret in secrets.items():
                file = pathlib.Path(folder) / name
                file.write_text(secret.replace("/etc/millrace", folder))
                file.chmod(0o600)
            run(FOLDER / "crm_materializer", "--config", f"{folder}/crm.toml", "--describe")
        mentioned = set(re.findall(r"/etc/millrace/([\w.-]+)", MANIFEST.read_text()))
        self.assertEqual(mentioned, set(secrets))
        self.assertIn("query.token.file", text)

    def test_selectors_find_the_pods(self):
        labels = self.by_kind["StatefulSet"]["spec"]["template"]["metadata"]["labels"]
        for document in self.documents:
            spec = document.get("spec", {})
            selector = spec.get("selector", labels)
            self.assertEqual(selector.get("matchLabels", selector), labels)
        services = {d["metadata"]["name"] for d in self.documents if d["kind"] == "Service"}
        self.assertIn(self.by_kind["StatefulSet"]["spec"]["serviceName"], services)


if __name__ == "__main__":
    FOLDER, ROOT = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    MANIFEST = ROOT / "apps/deploy/kubernetes.yaml"
    VENV = ROOT / ".local/schemas"
    PYTHON = VENV / "bin/python3"
    if not PYTHON.exists():
        sys.exit(77)
    if sys.prefix == sys.base_prefix:
        os.execv(PYTHON, [PYTHON, "-B", *sys.argv])
    import kubernetes_validate
    import yaml

    unittest.main(argv=sys.argv[:1], verbosity=0)
