"""Certificates for tests, made by openssl(1)."""

import subprocess
import time


def _openssl(*arguments):
    subprocess.run(["openssl", *[str(x) for x in arguments]], check=True,
                   stdin=subprocess.DEVNULL, capture_output=True, timeout=60)


class Certificate:
    """A certificate with its key, and the authority that its owner trusts."""

    def __init__(self, stem, authority):
        self.certificate = stem.with_suffix(".pem")
        self.key = stem.with_suffix(".key")
        self.authority = authority

    def flags(self):
        return ["--tls-ca", self.authority, "--tls-cert", self.certificate,
                "--tls-key", self.key]


class Authority:
    """Says who belongs to a cluster."""

    def __init__(self, folder, name):
        self.folder = folder
        self.stem = folder / name
        self.certificate = self.stem.with_suffix(".pem")
        self.key = self.stem.with_suffix(".key")
        _openssl("req", "-x509", "-newkey", "ec",
                 "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                 "-keyout", self.key, "-out", self.certificate, "-days", 2,
                 "-subj", f"/CN={name}",
                 "-addext", "basicConstraints=critical,CA:TRUE")

    def issue(self, name, trusting=None, days=2, hosts=None):
        """A certificate by this authority, whose owner trusts `trusting`; of a
        server for `hosts`, such as `IP:127.0.0.1`."""
        result = Certificate(self.folder / name,
                             (trusting or self).certificate)
        request = self.folder / f"{name}.csr"
        _openssl("req", "-newkey", "ec",
                 "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                 "-keyout", result.key, "-out", request,
                 "-subj", f"/CN={name}",
                 *(["-addext", f"subjectAltName={hosts}"] if hosts else []))
        _openssl("x509", "-req", "-copy_extensions", "copy", "-in", request, "-CA", self.certificate,
                 "-CAkey", self.key, "-CAcreateserial",
                 "-out", result.certificate, "-days", days)
        return result

    def issue_expired(self, name):
        """One that was good for a moment, which has passed."""
        result = self.issue(name, days=0)
        deadline = time.monotonic() + 30
        while subprocess.run(
                ["openssl", "x509", "-checkend", "0", "-noout",
                 "-in", str(result.certificate)],
                capture_output=True, timeout=60).returncode == 0:
            if time.monotonic() > deadline:
                raise AssertionError("the certificate does not expire")
            time.sleep(0.1)
        return result
