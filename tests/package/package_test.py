"""The Debian package has what it should, and its service is closed off.

Usage: package_test.py BUILD_FOLDER CRM_MATERIALIZER
"""

import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

EXPOSURE_MAX = 3.0
HERE = pathlib.Path(__file__).parent
CONFIGURATION = HERE.parents[1] / "apps/deploy/debian/crm.toml"


def run(*arguments):
    return subprocess.run(arguments, check=True, capture_output=True, text=True).stdout


@unittest.skipUnless(shutil.which("dpkg-shlibdeps"), "there is no dpkg-dev")
class PackageTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        folder = pathlib.Path(cls.folder.name)
        # Without the symbols, and uncompressed: both take long and are not looked at.
        run(
            *("cpack", "--config", BUILD / "CPackConfig.cmake", "-B", folder),
            *("-D", "CPACK_COMPONENTS_ALL=programs", "-D", f"CPACK_PACKAGE_DIRECTORY={folder}"),
            *("-D", "CPACK_DEBIAN_COMPRESSION_TYPE=none"),
        )
        (cls.package,) = folder.glob("*.deb")
        cls.tree = folder / "tree"
        run("dpkg-deb", "--raw-extract", cls.package, cls.tree)
        lines = run("dpkg-deb", "--contents", cls.package).splitlines()
        cls.modes = {line.split()[5]: line.split()[0] for line in lines}

    def test_it_has_programs_service_configuration_pages_and_nothing_else(self):
        files = sorted(name[2:] for name in self.modes if not name.endswith("/"))
        programs = ("crm_materializer", "crm_workload", "millrace")
        expected = [f"usr/bin/{program}" for program in programs]
        expected += [f"usr/share/man/man1/{program}.1.gz" for program in programs]
        expected += [f"usr/share/bash-completion/completions/{program}" for program in programs]
        expected += [f"usr/share/zsh/vendor-completions/_{program}" for program in programs]
        expected += ["etc/millrace/crm.toml", "usr/lib/systemd/system/millrace@.service"]
        expected += ["usr/lib/sysusers.d/millrace.conf"]
        expected += [f"usr/share/doc/millrace/{name}" for name in ("README.md", "copyright")]
        self.assertEqual(files, sorted(expected))

    def test_only_root_reads_the_configuration_which_upgrades_keep(self):
        self.assertEqual(self.modes["./etc/millrace/crm.toml"], "-rw-------")
        self.assertEqual(
            (self.tree / "DEBIAN/conffiles").read_text().split(), ["/etc/millrace/crm.toml"]
        )

    def test_it_depends_on_the_libraries_and_on_what_makes_users(self):
        depends = run("dpkg-deb", "--field", self.package, "Depends")
        for name in ("librdkafka1", "librocksdb", "libc6", "tzdata", "systemd-standalone-sysusers"):
            self.assertIn(name, depends)

    def test_programs_are_without_debug_information(self):
        sections = run("readelf", "--section-headers", "--wide", self.tree / "usr/bin/millrace")
        self.assertNotIn(".debug_info", sections)
        self.assertIn(".gnu_debuglink", sections)

    def test_control_scripts_are_shell(self):
        for name in ("postinst", "prerm", "postrm"):
            run("sh", "-n", self.tree / "DEBIAN" / name)

    def test_every_property_of_the_configuration_is_one(self):
        # Its comments that are properties, too, but for the file that is not there.
        text = re.sub(r"(?m)^#([a-z][a-z.]* = )", r"\1", CONFIGURATION.read_text())
        text = re.sub(r"(?m)^crm\.mapping = .*", "", text)
        file = pathlib.Path(self.folder.name) / "crm.toml"
        file.write_text(text)
        run(PROGRAM, "--config", file, "--describe")


@unittest.skipUnless(shutil.which("systemd-analyze"), "there is no systemd-analyze")
class UnitTest(unittest.TestCase):
    def test_the_service_is_closed_off(self):
        with tempfile.TemporaryDirectory() as folder:
            unit = pathlib.Path(folder) / "millrace@crm.service"
            shutil.copy(CONFIGURATION.parent / "millrace@.service", unit)
            answer = run("systemd-analyze", "security", "--offline=true", "--no-pager", unit)
            exposure = float(re.search(r"exposure level for \S+: ([0-9.]+)", answer)[1])
            self.assertLessEqual(exposure, EXPOSURE_MAX)

    def test_systemd_understands_every_line(self):
        with tempfile.TemporaryDirectory() as folder:
            unit = pathlib.Path(folder) / "millrace@crm.service"
            text = (CONFIGURATION.parent / "millrace@.service").read_text()
            text = text.replace("/usr/bin/crm_materializer", PROGRAM)
            text = re.sub("(?m)^Documentation=.*", "", text)  # not installed here
            unit.write_text(text)
            answer = subprocess.run(
                ["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False
            )
            about_ours = [l for l in answer.stderr.splitlines() if "millrace" in l]
            self.assertEqual(about_ours, [])


if __name__ == "__main__":
    BUILD, PROGRAM = pathlib.Path(sys.argv.pop(1)), sys.argv.pop(1)
    unittest.main(verbosity=0)
