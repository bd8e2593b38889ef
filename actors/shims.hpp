#pragma once

namespace troupe {

/// Pulls two corrections of Debian's CAF 0.17.6 into the program. Both replace a
/// function that CAF calls through the dynamic linker, and must therefore be
/// linked into every executable that runs an actor system.
///
/// - CAF names a process by its machine and process id, so a restarted container
///   (always process 1) gets the name of the one before, and old handles point at
///   new actors. Here each process has a random number instead.
/// - CAF leaves errors of a failed TLS handshake in OpenSSL's queue, where the
///   next healthy connection of the thread finds them and is closed. Here the
///   queue is emptied after CAF has looked.
void link_shims();

} // namespace troupe
