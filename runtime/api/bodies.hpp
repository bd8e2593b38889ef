#pragma once

/// Readers of what is sent to routes other than jobs. Strict: what is unknown
/// is a problem, and all problems of a body are found.

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/api/reading.hpp"

namespace troupe::runtime::api {

/// `{"name", "capacity": {"cpu", "memory", "gpu", ..}, "labels", "version",
/// "address", "drivers", "protocol"}`.
[[nodiscard]] node_profile read_profile(reading& x);

/// `{"labels": {"zone": "a", "old": null}, "weight", "overcommit"}`.
[[nodiscard]] change_node read_node_change(reading& x, std::string node);

/// `{"deadline": "10m"}`, or nothing.
[[nodiscard]] drain_node read_drain(reading& x, std::string node);

/// `{"count": 5}`.
[[nodiscard]] uint32_t read_scale(reading& x);

/// `{"strategy", "queueOrder", "fairBy", "fairWeights", "overcommit",
/// "priorityClasses", "concurrency", "shadow", "cacheEntries", "batchSize",
/// "logLevel"}`.
[[nodiscard]] settings_call read_settings(reading& x);

/// `{"reports": [{"task", "attempt", "state", ..}], "acknowledged": N}`.
[[nodiscard]] node_reports read_reports(reading& x, std::string node);

/// `{"used": {"cpu", "memory", ..}, "tasks": [{"allocation", "cpuSeconds",
/// "memoryBytes"}]}`, or nothing.
[[nodiscard]] heartbeat read_heartbeat(reading& x, std::string node);

/// `{"command": ["sh", "-c", "ls"]}`.
[[nodiscard]] std::vector<std::string> read_command(reading& x);

// -- parts of bodies ------------------------------------------------------------

/// `{"cpu": 4, "memory": "8GiB", "gpu": 1, "license-x": 2}`.
[[nodiscard]] resources read_node_capacity(const json_cursor& x);

/// `{"zone": "a"}`.
[[nodiscard]] label_set read_labels_of_node(const json_cursor& x);

/// `{"zone": "a", "old": null}`: what has no value is taken away.
[[nodiscard]] label_set read_label_changes(const json_cursor& x);

/// As `PUT /v1/settings` takes them; a log level is passed over.
[[nodiscard]] change_settings read_settings(const json_cursor& x);

} // namespace troupe::runtime::api
