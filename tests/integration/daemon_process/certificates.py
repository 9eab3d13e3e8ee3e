"""Certificates for a test, made by the openssl command: an authority, and what it signs."""

import os
import subprocess

KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


def openssl(*arguments):
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


class Authority:
    """Files in a folder of its own: `ca.pem`, and `NAME.pem` with `NAME.key` for each that it signs."""

    def __init__(self, folder):
        self.folder = folder
        os.makedirs(folder)
        self.ca = self.path("ca.pem")
        openssl("req", "-x509", *KEY, "-keyout", self.path("ca.key"), "-out", self.ca, "-days", "2",
                "-subj", "/CN=authority of " + os.path.basename(folder))

    def path(self, name):
        return os.path.join(self.folder, name)

    def sign(self, name, common_name):
        """A certificate for 127.0.0.1, and for clients: (its file, its key's file)."""
        openssl("req", "-x509", *KEY, "-keyout", self.path(name + ".key"), "-out", self.path(name + ".pem"),
                "-days", "2", "-subj", "/CN=" + common_name, "-addext", "subjectAltName=IP:127.0.0.1",
                "-CA", self.ca, "-CAkey", self.path("ca.key"))
        return self.path(name + ".pem"), self.path(name + ".key")
