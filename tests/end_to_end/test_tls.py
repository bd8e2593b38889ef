#!/usr/bin/env python3
"""Nodes join over mutual TLS, and nobody else does."""

import os
import shutil
import ssl
import unittest

import attacks
from certificates import Authority
from harness import ClusterTest, eventually, resident_bytes, shell


@unittest.skipUnless(shutil.which("openssl"), "openssl(1) is not installed")
class TlsTest(ClusterTest):
    def setUp(self):
        super().setUp()
        self.authority = Authority(self.folder, "authority")
        self.of_controller = self.authority.issue("of-controller")
        self.of_node = self.authority.issue("of-node")


class Refusals(TlsTest):
    """A daemon that would be open to anybody does not start."""

    def refused_controller(self, *arguments):
        return self.refused(
            "controller", "--data", self.folder / "controller",
            "--http", "127.0.0.1:0", *arguments)

    def test_other_machines_are_not_let_in_without_certificates(self):
        for address in ("0.0.0.0:0", "[::]:0", "192.0.2.1:4641"):
            for verb in ("controller", "up"):
                with self.subTest(address=address, verb=verb):
                    said = self.refused(
                        verb, "--data", self.folder / "data", "--http",
                        "127.0.0.1:0", "--listen", address)
                    self.assertIn(address, said)
                    self.assertIn("--tls-ca", said)

    def test_a_node_does_not_go_to_another_machine_without_certificates(self):
        said = self.refused("node", "--controller", "192.0.2.1:4641",
                            "--data", self.folder / "node")
        self.assertIn("192.0.2.1", said)
        self.assertIn("--tls-ca", said)

    def test_half_of_tls_is_refused(self):
        flags = self.of_controller.flags()
        for left_out in range(0, 6, 2):
            with self.subTest(left_out=flags[left_out]):
                said = self.refused_controller(
                    "--listen", "127.0.0.1:0",
                    *flags[:left_out], *flags[left_out + 2:])
                self.assertIn(flags[left_out], said)

    def test_files_of_no_use_are_named(self):
        flags = [str(x) for x in self.of_controller.flags()]
        nonsense = self.folder / "nonsense.pem"
        nonsense.write_text("-----BEGIN CERTIFICATE-----\nAAAA\n")
        for at in (1, 3, 5):
            for useless in (self.folder / "missing.pem", nonsense,
                            self.folder):
                with self.subTest(flag=flags[at - 1], file=useless.name):
                    said = self.refused_controller(
                        "--listen", "127.0.0.1:0", *flags[:at], useless,
                        *flags[at + 1:])
                    self.assertIn(str(useless), said)

    def test_the_key_of_another_certificate_is_refused(self):
        said = self.refused_controller(
            "--listen", "127.0.0.1:0",
            "--tls-ca", self.authority.certificate,
            "--tls-cert", self.of_controller.certificate,
            "--tls-key", self.of_node.key)
        self.assertIn("does not belong to the certificate", said)
        said = self.refused(
            "node", "--controller", "127.0.0.1:1", "--data",
            self.folder / "node", "--tls-ca", self.authority.certificate,
            "--tls-cert", self.of_controller.certificate,
            "--tls-key", self.of_node.key)
        self.assertIn("does not belong to the certificate", said)


class MutualTls(TlsTest):
    """A controller and a node that know each other."""

    def setUp(self):
        super().setUp()
        self.control = self.controller("--heartbeat", "1s",
                                       *self.of_controller.flags())
        self.healthy = self.node(self.control, "healthy",
                                 *self.of_node.flags())
        self.wait_for_nodes(1)

    def outsider(self, name, *flags):
        """A node that tries to join, and has failed at least once."""
        result = self.node(self.control, name, *flags, is_outsider=True)
        eventually(lambda: "not joined" in result.log_text(),
                   f"{name} is turned away")
        return result

    def check_only_the_healthy_node_is_there(self):
        self.assertEqual([x["name"] for x in self.items("/v1/nodes")],
                         ["healthy"])
        self.assertEqual(self.items("/v1/nodes")[0]["state"], "ready")
        self.assertTrue(self.control.is_alive())
        self.assertTrue(self.healthy.is_alive())
        self.assertNotIn("connection lost", self.control.log_text())
        self.assertEqual(self.healthy.log_text().count("joined the contr"), 1)

    def run_a_job(self, name):
        self.submit(shell(f"echo {name} is here", name=name))
        self.wait_for_job(name, "succeeded")
        self.assertIn(f"{name} is here",
                      self.troupe("logs", f"{name}.0")[0])

    def test_a_node_with_a_certificate_joins_and_runs_jobs(self):
        self.run_a_job("first")
        second = self.node(self.control, "second", *self.authority.issue(
            "of-second").flags())
        self.wait_for_nodes(2)
        self.assertTrue(second.is_alive())
        self.submit(shell("true", name="wide", count=4, strategy="spread"))
        self.wait_for_job("wide", "succeeded")
        self.assertEqual({x["node"] for x in self.tasks("wide")},
                         {"healthy", "second"})

    def test_a_node_finds_its_controller_again(self):
        self.control.kill()
        self.start_again(self.control)
        self.wait_for_nodes(1)
        eventually(lambda: self.healthy.log_text().count("joined the contr")
                   == 2, "the node is back")
        self.run_a_job("again")

    def test_whoever_does_not_belong_to_the_cluster_cannot_join(self):
        rogue = Authority(self.folder, "rogue")
        strangers = {
            "plain": [],
            "rogue": rogue.issue("of-rogue", trusting=self.authority).flags(),
            "expired": self.authority.issue_expired("of-expired").flags(),
            "wary": rogue.issue("of-wary").flags()}
        for name, flags in strangers.items():
            with self.subTest(node=name):
                self.outsider(name, *flags)
                self.check_only_the_healthy_node_is_there()
        self.run_a_job("undisturbed")
        self.check_only_the_healthy_node_is_there()

    def test_nothing_is_told_to_a_client_without_a_good_certificate(self):
        rogue = Authority(self.folder, "rogue")
        for certificate in (None, rogue.issue("of-rogue"),
                            self.authority.issue_expired("of-expired")):
            for _ in range(20):
                self.assertEqual(attacks.stranger_in_tls(
                    self.control.listen, certificate), b"")
        self.check_only_the_healthy_node_is_there()
        self.run_a_job("undisturbed")

    def test_attacks_disturb_neither_memory_nor_nodes(self):
        room = 50 << 20
        before = resident_bytes(self.control.pid)
        for attack in attacks.ALL:
            with self.subTest(attack=attack.__name__):
                attack(self.control.listen)
                self.run_a_job(attack.__name__.replace("_", "-"))
                self.check_only_the_healthy_node_is_there()
                self.assertLess(resident_bytes(self.control.pid),
                                before + room)
        with attacks.silent_connections(self.control.listen):
            self.run_a_job("in-silence")
            self.check_only_the_healthy_node_is_there()
            self.assertLess(resident_bytes(self.control.pid), before + room)
        # All at once, and a node that comes in the middle of it.
        with attacks.silent_connections(self.control.listen, 100):
            for attack in attacks.ALL:
                attack(self.control.listen)
            self.node(self.control, "late", *self.of_node.flags())
            self.wait_for_nodes(2)
        self.run_a_job("afterwards")
        self.assertLess(resident_bytes(self.control.pid), before + room)

    def test_certificates_are_replaced_while_it_runs(self):
        rogue = Authority(self.folder, "rogue")
        known = certificate_of(self.control.listen)
        fresh = self.authority.issue("of-fresh")
        # One after the other, and somebody comes between.
        os.replace(fresh.key, self.of_controller.key)
        self.assertEqual(certificate_of(self.control.listen), known)
        self.run_a_job("between")
        os.replace(fresh.certificate, self.of_controller.certificate)
        self.assertNotEqual(certificate_of(self.control.listen), known)
        self.node(self.control, "second", *self.of_node.flags())
        self.wait_for_nodes(2)
        # An authority that is replaced no longer vouches for anybody.
        os.replace(rogue.certificate, self.authority.certificate)
        self.outsider("third", *self.of_node.flags())
        self.run_a_job("renewed")

    def test_certificates_that_vanish_end_nothing(self):
        for file in (self.of_controller.certificate, self.of_controller.key,
                     self.authority.certificate):
            file.rename(f"{file}.away")
            self.assertEqual(attacks.stranger_in_tls(self.control.listen), b"")
            self.check_only_the_healthy_node_is_there()
        self.assertIn(str(self.of_controller.key), self.control.log_text())
        for file in (self.of_controller.certificate, self.of_controller.key,
                     self.authority.certificate):
            os.rename(f"{file}.away", file)
        self.node(self.control, "second", *self.of_node.flags())
        self.wait_for_nodes(2)


def certificate_of(address):
    """The certificate that a server shows."""
    host, port = address.rsplit(":", 1)
    return ssl.get_server_certificate((host, int(port)), timeout=30)


if __name__ == "__main__":
    unittest.main()
