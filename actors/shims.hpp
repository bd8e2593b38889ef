#pragma once

namespace troupe {

/// Pulls corrections of Debian's CAF 0.17.6 into the program. They replace
/// functions that CAF calls through the dynamic linker, and must therefore be
/// linked into every executable that runs an actor system.
///
/// - CAF names a process by its machine and process id, so a restarted container
///   (always process 1) gets the name of the one before, and old handles point at
///   new actors. Here each process has a random number instead.
/// - CAF leaves errors of a failed TLS handshake in OpenSSL's queue, where the
///   next healthy connection of the thread finds them and is closed. Here the
///   queue is emptied after CAF has looked.
/// - CAF reads certificate, key and authority from their files for every
///   connection, also of strangers, and ends the process when one cannot be read.
///   Here it gets those of `kept_certificates`.
/// - CAF waits for a connection as long as the kernel does, two minutes with ever
///   longer pauses, and for nothing else meanwhile: a machine that was cut off
///   came back half a minute after its network. Here it gives up after three
///   seconds.
void link_shims();

} // namespace troupe
