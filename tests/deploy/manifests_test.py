"""What must hold of deploy/kubernetes. Started by kubernetes.sh, with the two programs' paths."""
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDERS = sorted(p.parent for p in (ROOT / "deploy/kubernetes").glob("*/kustomization.yaml"))
DOCKERFILE = (ROOT / "deploy/Dockerfile").read_text()
SERVER, BOLTZMANN = sys.argv[1:3]
SECONDS = {"s": 1, "m": 60, "h": 3600}


def patched(base, patch):
    """An object with a patch over it: maps by their keys, lists by their elements' names."""
    if isinstance(base, dict) and isinstance(patch, dict):
        return base | {key: patched(base.get(key), value) for key, value in patch.items()}
    if isinstance(base, list) and all("name" in e for e in base + patch):
        names = {e["name"]: e for e in base}
        for element in patch:
            names[element["name"]] = patched(names.get(element["name"]), element)
        return list(names.values())
    return patch


def listed(folder):
    """The files that a kustomization lists: (resources, patches)."""
    kustomization = yaml.safe_load((folder / "kustomization.yaml").read_text())
    return kustomization["resources"], [p["path"] for p in kustomization.get("patches", [])]


def documents(folders=FOLDERS):
    """Every object that the kustomizations list, patched. A patch is of the one of its name."""
    for folder in folders:
        resources, patches = ([yaml.safe_load((folder / name).read_text()) for name in names]
                              for names in listed(folder))
        for document in resources:
            for patch in patches:
                if patch["metadata"]["name"] == document["metadata"]["name"]:
                    document = patched(document, patch)
            yield document


def rendered(folder):
    """What kubectl makes of a folder, but for images' names; None without a new enough one."""
    try:
        version = subprocess.run(["kubectl", "version", "--client", "--output=json"], timeout=30,
                                 capture_output=True, text=True, check=True).stdout
        if "kustomizeVersion" not in version:  # it knows no patches
            return None
        text = subprocess.run(["kubectl", "kustomize", folder], timeout=30, capture_output=True,
                              text=True, check=True).stdout
    except FileNotFoundError:
        return None
    text = re.sub(r"image: localhost/boltzmann:\S+", "image: boltzmann", text)
    return list(yaml.safe_load_all(text))


def of_kind(kind):
    """The objects of one kind."""
    return [d for d in documents() if d["kind"] == kind]


def pods():
    """Each Deployment's Pod: (name, labels, spec)."""
    for deployment in of_kind("Deployment"):
        template = deployment["spec"]["template"]
        yield deployment["metadata"]["name"], template["metadata"], template["spec"]


def containers():
    """Each container of each Pod: (where it is, the container, the Pod's spec)."""
    for name, _, spec in pods():
        for container in spec.get("initContainers", []) + spec["containers"]:
            yield f"{name}/{container['name']}", container, spec


def settings(container):
    """The server's flags that a container sets: name to value; none if it runs something else."""
    return {e["name"].removeprefix("BOLTZMANN_").lower(): e["value"]
            for e in container.get("env", []) if e["name"].startswith("BOLTZMANN_")}


def servers():
    """The containers that run the server: (where, container, spec, its flags)."""
    for where, container, spec in containers():
        if settings(container):
            yield where, container, spec, settings(container)


def flags_of(*command):
    """The flags that a program's help names."""
    text = subprocess.run([*command, "--help"], capture_output=True, text=True, timeout=30,
                          check=False).stdout
    return set(re.findall(r"^ +--(\w+)", text, re.MULTILINE))


def seconds(text):
    """A duration of one unit, such as 20s."""
    return int(text[:-1]) * SECONDS[text[-1]]


def port_of(address):
    """The port of HOST:PORT."""
    return int(address.rsplit(":", 1)[1])


def matches(labels, selector):
    """Whether labels are those that a selector asks for."""
    return selector.items() <= labels.items()


class Files(unittest.TestCase):
    def test_every_file_is_listed_by_its_kustomization(self):
        self.assertEqual({f.name for f in FOLDERS}, {"sidecar", "scaled-out", "monitoring"})
        for folder in FOLDERS:
            resources, patches = listed(folder)
            there = {p.name for p in folder.iterdir() if not p.name.endswith(".values.yaml")}
            self.assertEqual(there - {"kustomization.yaml"}, set(resources + patches), folder.name)

    def test_kustomize_renders_what_these_tests_judge(self):
        for folder in FOLDERS:
            by_kustomize = rendered(folder)
            if by_kustomize is None:
                self.skipTest("no kubectl, or one before 1.24")
            by_kind = {d["kind"]: d for d in by_kustomize}
            self.assertEqual(len(by_kind), len(by_kustomize), folder.name)
            self.assertEqual(by_kind, {d["kind"]: d for d in documents([folder])}, folder.name)

    def test_images_are_of_the_version_that_is_built(self):
        version = re.search(r"project\(boltzmann VERSION ([\d.]+)",
                            (ROOT / "CMakeLists.txt").read_text())[1]
        self.assertIn(f'image.version="{version}"', DOCKERFILE)
        for folder in FOLDERS:
            kustomization = yaml.safe_load((folder / "kustomization.yaml").read_text())
            for image in kustomization.get("images", []):
                self.assertEqual(image["newTag"], version, folder.name)


class Security(unittest.TestCase):
    def test_pods_run_as_the_user_of_the_image(self):
        user = int(re.search(r"^USER (\d+):\1$", DOCKERFILE, re.MULTILINE)[1])
        for name, _, spec in pods():
            context = spec["securityContext"]
            for field in ("runAsUser", "runAsGroup", "fsGroup"):
                self.assertEqual(context[field], user, f"{name}: {field}")
            self.assertTrue(context["runAsNonRoot"], name)
            self.assertEqual(context["seccompProfile"], {"type": "RuntimeDefault"}, name)
            self.assertFalse(spec["automountServiceAccountToken"], name)

    def test_every_container_is_locked(self):
        for where, container, _ in containers():
            self.assertEqual(container["securityContext"],
                             {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True,
                              "capabilities": {"drop": ["ALL"]}}, where)
            resources = container["resources"]
            self.assertIn("memory", resources["limits"], where)
            self.assertLessEqual({"cpu", "memory"}, resources["requests"].keys(), where)

    def test_whoever_listens_for_calls_beyond_loopback_has_credentials(self):
        for where, _, _, flags in servers():
            beyond = not re.match(r"unix:|127\.", flags["listen"])
            given = flags.keys() & {"tls_cert_file", "tls_key_file", "token_file"}
            self.assertEqual(len(given), 3 if beyond else 0, where)
            self.assertNotIn("allow_insecure", flags, where)


class Programs(unittest.TestCase):
    def test_every_flag_is_one_of_the_program(self):
        of_server = flags_of(SERVER)
        for where, container, _ in containers():
            self.assertLessEqual(settings(container).keys(), of_server, where)
            if container.get("command") == ["/usr/bin/boltzmann"]:
                used = {re.match(r"--(\w+)=", a)[1] for a in container["args"][1:]}
                self.assertLessEqual(used, flags_of(BOLTZMANN, container["args"][0]), where)

    def test_servers_drain_in_the_time_that_they_are_granted(self):
        for where, _, spec, flags in servers():
            self.assertLess(seconds(flags["drain_timeout"]), spec["terminationGracePeriodSeconds"],
                            where)

    def test_servers_have_a_worker_for_each_processor_that_they_ask_for(self):
        for where, container, _, flags in servers():
            self.assertEqual(flags["workers"], container["resources"]["requests"]["cpu"], where)

    def test_files_are_in_volumes_that_are_mounted(self):
        for where, container, spec in containers():
            mounts = container["volumeMounts"]
            self.assertLessEqual({m["name"] for m in mounts}, {v["name"] for v in spec["volumes"]})
            words = list(settings(container).values()) + container.get("args", [])
            for path in re.findall(r"(?:^|[:=])(/\S+)", "\n".join(words), re.MULTILINE):
                self.assertTrue(any(path.startswith(m["mountPath"] + "/") for m in mounts),
                                f"{where}: {path}")


    def test_volumes_are_bounded_and_logits_are_in_memory(self):
        for name, _, spec in pods():
            for volume in spec["volumes"]:
                if "emptyDir" in volume:
                    self.assertIn("sizeLimit", volume["emptyDir"], f"{name}/{volume['name']}")
        engine = next(spec for name, _, spec in pods() if name == "engine")
        shared = next(v["emptyDir"] for v in engine["volumes"] if v["name"] == "shared")
        self.assertEqual(shared["medium"], "Memory")


class Ports(unittest.TestCase):
    def test_are_those_that_the_server_listens_on(self):
        for where, container, _, flags in servers():
            named = {p["name"]: p["containerPort"] for p in container["ports"]}
            expected = {"health": port_of(flags["health_listen"]),
                        "admin": port_of(flags["admin_listen"])}
            if not flags["listen"].startswith("unix:"):
                expected["grpc"] = port_of(flags["listen"])
            self.assertEqual(named, expected, where)

    def test_of_probes_are_that_of_health(self):
        for where, container, _, flags in servers():
            for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
                self.assertEqual(container[probe]["grpc"]["port"], port_of(flags["health_listen"]),
                                 f"{where}: {probe}")

    def test_of_scrapes_and_policies_and_services_are_the_servers(self):
        for _, metadata, spec in pods():
            ports = [p for c in spec.get("initContainers", []) + spec["containers"]
                     for p in c.get("ports", [])]
            admin = next(p["containerPort"] for p in ports if p["name"] == "admin")
            self.assertEqual(metadata["annotations"]["prometheus.io/port"], str(admin))
        scaled = {p["name"]: p["containerPort"] for w, c, _, _ in servers()
                  if w.startswith("boltzmann/") for p in c["ports"]}
        allowed = [p["port"] for rule in of_kind("NetworkPolicy")[0]["spec"]["ingress"]
                   for p in rule["ports"]]
        self.assertEqual(allowed, [scaled["grpc"], scaled["admin"]])
        service = of_kind("Service")[0]["spec"]
        self.assertEqual((service["clusterIP"], service["ports"]),
                         ("None", [{"name": "grpc", "port": scaled["grpc"], "targetPort": "grpc"}]))
        for monitor in of_kind("PodMonitor"):
            self.assertEqual([e["port"] for e in monitor["spec"]["podMetricsEndpoints"]], ["admin"])


class Selectors(unittest.TestCase):
    def test_match_the_pods(self):
        labels = {name: metadata["labels"] for name, metadata, _ in pods()}
        for deployment in of_kind("Deployment"):
            name = deployment["metadata"]["name"]
            self.assertTrue(matches(labels[name], deployment["spec"]["selector"]["matchLabels"]))
        own = labels["boltzmann"]
        self.assertTrue(matches(own, of_kind("Service")[0]["spec"]["selector"]))
        policy = of_kind("NetworkPolicy")[0]["spec"]["podSelector"]
        budget = of_kind("PodDisruptionBudget")[0]["spec"]["selector"]
        for selector in (policy, budget):
            self.assertTrue(matches(own, selector["matchLabels"]))
        for _, _, spec in pods():
            for constraint in spec.get("topologySpreadConstraints", []):
                self.assertTrue(matches(own, constraint["labelSelector"]["matchLabels"]))

    def test_of_the_monitor_are_of_both_deployments(self):
        expression, = of_kind("PodMonitor")[0]["spec"]["selector"]["matchExpressions"]
        found = {metadata["labels"][expression["key"]] for _, metadata, _ in pods()}
        self.assertEqual(found, set(expression["values"]))

    def test_names_that_refer_to_others_do(self):
        target = of_kind("HorizontalPodAutoscaler")[0]["spec"]["scaleTargetRef"]
        deployment = next(d for d in of_kind("Deployment")
                          if d["metadata"]["name"] == target["name"])
        self.assertNotIn("replicas", deployment["spec"])  # or each apply would undo the scaling
        self.assertEqual(deployment["spec"]["template"]["spec"]["serviceAccountName"],
                         of_kind("ServiceAccount")[0]["metadata"]["name"])
        self.assertEqual(deployment["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"], 0)


class Running(unittest.TestCase):
    """The server as a Deployment starts it, but on loopback, free ports and files of its own."""

    def setUp(self):
        self.place = tempfile.TemporaryDirectory(dir="/tmp")
        self.addCleanup(self.place.cleanup)
        self.log = pathlib.Path(self.place.name, "log")

    def local(self, text):
        """A setting, moved to the temporary folder and to loopback."""
        text = re.sub(r"^0\.0\.0\.0:\d+$", "127.0.0.1:0", text)
        return re.sub(r"(^|[:=])/(run|shared|etc)/", rf"\1{self.place.name}/\2/", text)

    def environment(self, flags):
        """The server's settings, as variables, and none but these."""
        others = {k: v for k, v in os.environ.items() if not k.startswith("BOLTZMANN_")}
        return others | {"BOLTZMANN_" + name.upper(): self.local(v) for name, v in flags.items()}

    def start(self, flags):
        """Starts the server, and waits until it serves."""
        with self.log.open("w") as log:
            process = subprocess.Popen([SERVER], env=self.environment(flags), stdout=log,
                                       stderr=log)
        self.addCleanup(process.wait, 30)
        self.addCleanup(process.kill)
        for _ in range(300):
            if '"serving' in self.log.read_text():
                return process
            self.assertIsNone(process.poll(), self.log.read_text())
            time.sleep(.1)
        self.fail("the server did not start within 30 s: " + self.log.read_text())

    def stop(self, process):
        """Asserts that SIGTERM ends it well."""
        process.terminate()
        self.assertEqual(process.wait(30), 0, self.log.read_text())

    def metrics(self):
        """What /metrics answers."""
        address = re.search(r"http://[\d.:]+", self.log.read_text())[0]
        with urllib.request.urlopen(address + "/metrics", timeout=10) as answer:
            return answer.read().decode()

    def test_sidecar_serves_the_engine_and_no_emptydir_itself(self):
        flags = next(flags for where, _, _, flags in servers() if where == "engine/boltzmann")
        engine = next(c for where, c, _ in containers() if where == "engine/engine")
        for folder in ("run/boltzmann", "shared"):
            os.makedirs(os.path.join(self.place.name, folder))
            os.chmod(os.path.join(self.place.name, folder), 0o2777)  # as emptyDir with fsGroup is
        whole = dict(flags, shared_memory_dir="/shared/")
        refused = subprocess.run([SERVER], env=self.environment(whole), timeout=30,
                                 capture_output=True, text=True, check=False)
        self.assertIn("sticky", refused.stdout + refused.stderr)  # so it makes a directory of its own
        process = self.start(flags)
        short = ["--duration=1s" if a.startswith("--duration") else self.local(a)
                 for a in engine["args"]]
        subprocess.run([BOLTZMANN, *short], check=True, timeout=60, stdout=subprocess.DEVNULL)
        self.stop(process)

    def test_scaled_out_starts_and_has_the_metric_of_the_autoscaler(self):
        flags = next(flags for where, _, _, flags in servers() if where == "boltzmann/boltzmann")
        for folder in ("tls", "tokens"):
            os.makedirs(os.path.join(self.place.name, "etc/boltzmann", folder))
        tokens = pathlib.Path(self.local(flags["token_file"]))
        tokens.write_text("a-token-for-this-test-0123456789\n")
        tokens.chmod(0o440)
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:P-256", "-nodes", "-days", "1", "-subj", "/CN=boltzmann",
                        "-keyout", self.local(flags["tls_key_file"]),
                        "-out", self.local(flags["tls_cert_file"])],
                       check=True, capture_output=True)
        process = self.start(flags)
        scaled_by, = of_kind("HorizontalPodAutoscaler")[0]["spec"]["metrics"]
        metric = scaled_by["pods"]["metric"]["name"]
        self.assertRegex(self.metrics(), rf"(?m)^{metric} \d")
        adapter = ROOT / "deploy/kubernetes/monitoring/prometheus-adapter.values.yaml"
        rule, = yaml.safe_load(adapter.read_text())["rules"]["custom"]
        self.assertTrue(rule["seriesQuery"].startswith(metric + "{"))
        self.stop(process)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
