"""registry_proxy.py --upstream URL --state DIR: an HTTP or HTTPS server in front of
a real schema registry, for tests of logins and of trouble.  Passes requests on as
they are, unless DIR/rules says otherwise; writes DIR/port when it listens and a
line for each request to DIR/requests: method, path, status.

DIR/rules, read anew for each request: a JSON list of {"method": regex, "path":
regex, "status": N, "body": text, "headers": {...}}; the first that matches
answers.  Without --upstream nothing but rules and logins is answered.
"""

import argparse
import base64
import http.client
import http.server
import json
import os
import re
import ssl
import threading
import urllib.parse


def rule_find(state, method, path):
	"""The first rule for this request, or None."""
	try:
		with open(os.path.join(state, "rules"), encoding="utf-8") as file:
			rules = json.load(file)
	except FileNotFoundError:
		return None
	for rule in rules:
		if re.fullmatch(rule.get("method", ".*"), method) and re.fullmatch(rule.get("path", ".*"), path):
			return rule
	return None


class Handler(http.server.BaseHTTPRequestHandler):
	protocol_version = "HTTP/1.1"
	args = None
	lock = threading.Lock()

	def log_message(self, *_args):
		pass

	def answer(self, status, body=b"", headers=None):
		with self.lock, open(os.path.join(self.args.state, "requests"), "a", encoding="utf-8") as file:
			file.write(f"{self.command} {self.path} {status}\n")
		self.send_response(status)
		for name, value in (headers or {}).items():
			self.send_header(name, value)
		self.send_header("Content-Length", str(len(body)))
		self.end_headers()
		self.wfile.write(body)

	def is_let_in(self):
		"""None, or the status that keeps the client out."""
		given = self.headers.get("Authorization", "")
		if self.args.basic:
			wanted = "Basic " + base64.b64encode(self.args.basic.encode()).decode()
			return None if given == wanted else 401
		if self.args.bearer:
			return None if given == "Bearer " + self.args.bearer else 401
		return 400 if given else None

	def serve(self):
		body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
		refused = self.is_let_in()
		if refused:
			self.answer(refused, b'{"error_code":%d,"message":"who are you"}' % refused)
			return
		rule = rule_find(self.args.state, self.command, self.path)
		if rule or not self.args.upstream:
			rule = rule or {"status": 503}
			self.answer(rule["status"], rule.get("body", "").encode(), rule.get("headers"))
			return
		upstream = urllib.parse.urlsplit(self.args.upstream)
		connection = http.client.HTTPConnection(upstream.hostname, upstream.port, timeout=60)
		connection.request(self.command, self.path, body or None,
			{"Content-Type": self.headers.get("Content-Type", "application/json")})
		reply = connection.getresponse()
		self.answer(reply.status, reply.read(), {"Content-Type": reply.getheader("Content-Type", "")})
		connection.close()

	do_GET = do_POST = do_PUT = do_DELETE = serve


class Server(http.server.ThreadingHTTPServer):
	daemon_threads = True

	def handle_error(self, request, client_address):
		pass  # a client that has gone, or was not let in by TLS


def main():
	parser = argparse.ArgumentParser(description="Stand in front of a schema registry.")
	parser.add_argument("--state", required=True)
	parser.add_argument("--upstream")
	parser.add_argument("--basic", help="USER:PASSWORD that is wanted")
	parser.add_argument("--bearer", help="token that is wanted")
	parser.add_argument("--certificate", help="PEM, with its key: serve HTTPS")
	parser.add_argument("--port", type=int, default=0, help="0: a free one")
	parser.add_argument("--client-ca", help="want a certificate that this one has signed")
	args = parser.parse_args()
	Handler.args = args
	server = Server(("127.0.0.1", args.port), Handler)
	if args.certificate:
		context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
		context.load_cert_chain(args.certificate)
		if args.client_ca:
			context.load_verify_locations(args.client_ca)
			context.verify_mode = ssl.CERT_REQUIRED
		server.socket = context.wrap_socket(server.socket, server_side=True,
			do_handshake_on_connect=False)
	with open(os.path.join(args.state, "port.new"), "w", encoding="utf-8") as file:
		file.write(f"{server.server_port}\n")
	os.rename(os.path.join(args.state, "port.new"), os.path.join(args.state, "port"))
	server.serve_forever()


if __name__ == "__main__":
	main()
