// What is sent and answered, as JSON Schema 2020-12, the dialect of OpenAPI 3.1.
// Answers may have members beyond those named here: clients ignore what they do
// not know. Tests hold every answer that they see to this.

#include "runtime/api/schemas.hpp"

#include <boost/json/parse.hpp>

namespace troupe::runtime::api {

namespace {

// -- words and amounts ----------------------------------------------------------

constexpr std::string_view words = R"json({
"name": {"type": "string", "minLength": 1, "maxLength": 63},
"time": {"type": "string", "format": "date-time"},
"timeOrNull": {"type": ["string", "null"], "format": "date-time"},
"duration": {"type": "string", "description": "such as 500ms, 10s, 5m, 2h, 1d or 1h30m",
  "pattern": "^([0-9]+(\\.[0-9]+)?(ms|s|m|h|d))+$"},
"cores": {"type": ["number", "string"], "minimum": 0, "description": "0.5, 2 or \"250m\""},
"bytes": {"type": ["integer", "string"], "minimum": 0, "description": "134217728, \"128MiB\" or \"1.5GB\""},
"texts": {"type": "array", "items": {"type": "string"}},
"labels": {"type": "object", "additionalProperties": {"type": "string"}},
"port": {"type": "integer", "minimum": 1, "maximum": 65535},
"count": {"type": "integer", "minimum": 0},
"counts": {"type": "object", "additionalProperties": {"$ref": "#/components/schemas/count"}},
"version": {"type": "integer", "minimum": 0, "description": "of the journal"},
"amounts": {"type": "object", "required": ["cpu", "memory", "gpu", "resources"], "properties": {
  "cpu": {"type": "number"}, "memory": {"type": "integer"}, "gpu": {"type": "number"},
  "resources": {"type": "object", "additionalProperties": {"type": "integer"}}}},
"taskState": {"enum": ["pending", "placed", "starting", "running", "succeeded", "failed", "stopped", "lost", "cached"]},
"taskHealth": {"enum": ["none", "unknown", "healthy", "unhealthy"]},
"jobKind": {"enum": ["service", "batch", "system"]},
"jobState": {"enum": ["pending", "running", "succeeded", "failed", "stopped", "degraded"]},
"nodeState": {"enum": ["ready", "unhealthy", "removed"]},
"nodeEligibility": {"enum": ["eligible", "cordoned", "draining", "drained"]},
"driver": {"enum": ["docker", "process", "simulated"]},
"reason": {"enum": ["noNodes", "noMatchingLabels", "insufficientCpu", "insufficientMemory", "insufficientGpu",
  "insufficientResource", "portInUse", "colocation", "exclusive", "cordoned", "gangIncomplete", "gangDoesNotFit",
  "neverFits", "unknownScheduler", "waitingForJob", "backoff", "retriesExhausted", "quota", "preempted", "drained",
  "nodeLost", "unhealthy", "exitCode", "signal", "outOfMemory", "timedOut", "imageNotFound", "driverError",
  "stoppedByUser", "waitingForSchedule", "waitingForResult", null]}
})json";

// -- what is sent ---------------------------------------------------------------

constexpr std::string_view bodies = R"json({
"nothing": {"type": "object", "maxProperties": 0},
"job": {"type": "object", "additionalProperties": false, "properties": {
  "name": {"type": "string", "pattern": "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$", "maxLength": 63},
  "kind": {"$ref": "#/components/schemas/jobKind"}, "driver": {"$ref": "#/components/schemas/driver"},
  "image": {"type": "string", "minLength": 1}, "command": {"type": "array", "items": {"type": "string"}, "minItems": 1},
  "args": {"$ref": "#/components/schemas/texts"}, "env": {"$ref": "#/components/schemas/labels"},
  "workdir": {"type": "string", "pattern": "^/"}, "user": {"type": "string", "minLength": 1},
  "cpu": {"$ref": "#/components/schemas/cores"}, "memory": {"$ref": "#/components/schemas/bytes"},
  "cpuLimit": {"$ref": "#/components/schemas/cores"}, "memoryLimit": {"$ref": "#/components/schemas/bytes"},
  "gpu": {"$ref": "#/components/schemas/cores"}, "resources": {"$ref": "#/components/schemas/counts"},
  "count": {"type": "integer", "minimum": 1, "maximum": 1000000},
  "priority": {"type": ["integer", "string"], "minimum": -1000000, "maximum": 1000000, "pattern": "^[-+]?[0-9]+$"},
  "strategy": {"$ref": "#/components/schemas/name"}, "labels": {"$ref": "#/components/schemas/labels"},
  "requires": {"type": "object", "additionalProperties": {"anyOf": [{"type": "string"},
    {"type": "array", "items": {"type": "string"}, "minItems": 1}]}},
  "prefers": {"anyOf": [{"$ref": "#/components/schemas/labels"}, {"type": "array", "items": {
    "type": "object", "required": ["label", "value"], "additionalProperties": false, "properties": {
      "label": {"type": "string"}, "value": {"type": "string"},
      "weight": {"type": "integer", "minimum": -100, "maximum": 100}}}}]},
  "avoidColocating": {"$ref": "#/components/schemas/labels"}, "colocateWith": {"$ref": "#/components/schemas/labels"},
  "spreadBy": {"anyOf": [{"type": "string"}, {"$ref": "#/components/schemas/texts"}]},
  "exclusive": {"type": "boolean"},
  "gang": {"anyOf": [{"type": "boolean"}, {"type": "string"}, {"type": "object", "additionalProperties": false,
    "properties": {"min": {"type": "integer", "minimum": 1}, "max": {"type": "integer", "minimum": 1},
      "name": {"type": "string"}}}]},
  "health": {"type": "object", "additionalProperties": false, "properties": {
    "http": {"type": "object", "required": ["port"], "additionalProperties": false, "properties": {
      "port": {"$ref": "#/components/schemas/port"}, "path": {"type": "string", "pattern": "^/"}}},
    "tcp": {"type": "object", "required": ["port"], "additionalProperties": false, "properties": {
      "port": {"$ref": "#/components/schemas/port"}}},
    "command": {"$ref": "#/components/schemas/texts"}, "interval": {"$ref": "#/components/schemas/duration"},
    "timeout": {"$ref": "#/components/schemas/duration"}, "failures": {"type": "integer", "minimum": 1},
    "grace": {"$ref": "#/components/schemas/duration"}}},
  "restart": {"type": "object", "additionalProperties": false, "properties": {
    "attempts": {"$ref": "#/components/schemas/count"}, "window": {"$ref": "#/components/schemas/duration"},
    "delay": {"$ref": "#/components/schemas/duration"}, "backoff": {"type": "number", "minimum": 1, "maximum": 100}}},
  "retries": {"$ref": "#/components/schemas/count"}, "timeout": {"$ref": "#/components/schemas/duration"},
  "expectedRuntime": {"$ref": "#/components/schemas/duration"},
  "stopSignal": {"type": "string"}, "stopGrace": {"$ref": "#/components/schemas/duration"},
  "onNodeLoss": {"type": "object", "additionalProperties": false, "properties": {
    "replaceAfter": {"$ref": "#/components/schemas/duration"}}},
  "after": {"anyOf": [{"$ref": "#/components/schemas/texts"},
    {"type": "object", "additionalProperties": {"enum": ["succeeded", "finished"]}}]},
  "schedule": {"type": "object", "required": ["cron"], "additionalProperties": false, "properties": {
    "cron": {"type": "string"}, "timezone": {"type": "string"}, "overlap": {"enum": ["skip", "queue", "replace"]}}},
  "cache": {"anyOf": [{"type": "boolean"}, {"type": "object", "additionalProperties": false, "properties": {
    "ttl": {"$ref": "#/components/schemas/duration"}, "inputs": {"$ref": "#/components/schemas/texts"}}}]},
  "ports": {"type": "object", "additionalProperties": {"anyOf": [{"$ref": "#/components/schemas/port"},
    {"type": "object", "required": ["container"], "additionalProperties": false, "properties": {
      "container": {"$ref": "#/components/schemas/port"}, "host": {"$ref": "#/components/schemas/port"}}}]}},
  "volumes": {"type": "array", "items": {"type": "object", "required": ["host", "path"], "additionalProperties": false,
    "properties": {"host": {"type": "string", "pattern": "^/"}, "path": {"type": "string", "pattern": "^/"},
      "readOnly": {"type": "boolean"}}}},
  "update": {"type": "object", "additionalProperties": false, "properties": {
    "maxUnavailable": {"$ref": "#/components/schemas/count"}, "maxSurge": {"$ref": "#/components/schemas/count"},
    "minHealthy": {"$ref": "#/components/schemas/duration"}, "rollback": {"type": "boolean"}}},
  "scheduler": {"$ref": "#/components/schemas/name"}, "priorityClass": {"$ref": "#/components/schemas/name"},
  "simulate": {"type": "object", "additionalProperties": false, "properties": {
    "duration": {"$ref": "#/components/schemas/duration"},
    "exitCode": {"type": "integer", "minimum": 0, "maximum": 255}}}}},
"jobs": {"description": "one job, or several, all or none", "anyOf": [{"$ref": "#/components/schemas/job"},
  {"type": "array", "minItems": 1, "items": {"$ref": "#/components/schemas/job"}},
  {"type": "object", "required": ["jobs"], "additionalProperties": false, "properties": {
    "jobs": {"type": "array", "minItems": 1, "items": {"$ref": "#/components/schemas/job"}}}}]},
"scale": {"type": "object", "required": ["count"], "additionalProperties": false, "properties": {
  "count": {"type": "integer", "minimum": 0, "maximum": 1000000}}},
"exec": {"type": "object", "required": ["command"], "additionalProperties": false, "properties": {
  "command": {"type": "array", "minItems": 1, "items": {"type": "string"}}}},
"capacity": {"type": "object", "description": "and other counted resources by name", "properties": {
  "cpu": {"$ref": "#/components/schemas/cores"}, "memory": {"$ref": "#/components/schemas/bytes"},
  "gpu": {"type": "integer", "minimum": 0}, "resources": {"$ref": "#/components/schemas/counts"}}},
"profile": {"type": "object", "required": ["name", "capacity"], "additionalProperties": false, "properties": {
  "name": {"type": "string", "pattern": "^[A-Za-z0-9]([-A-Za-z0-9._]*[A-Za-z0-9])?$", "maxLength": 63},
  "capacity": {"$ref": "#/components/schemas/capacity"}, "labels": {"$ref": "#/components/schemas/labels"},
  "version": {"type": "string"}, "address": {"type": "string"},
  "drivers": {"type": "array", "items": {"$ref": "#/components/schemas/driver"}},
  "protocol": {"type": "integer", "minimum": 1}}},
"nodeChange": {"type": "object", "additionalProperties": false, "properties": {
  "labels": {"type": "object", "description": "null takes a label away",
    "additionalProperties": {"type": ["string", "null"]}},
  "weight": {"type": "number", "minimum": 0.001, "maximum": 1000},
  "overcommit": {"type": "number", "minimum": 1, "maximum": 100}}},
"drain": {"type": "object", "additionalProperties": false, "properties": {
  "deadline": {"$ref": "#/components/schemas/duration"}}},
"beat": {"type": "object", "additionalProperties": false, "properties": {
  "used": {"$ref": "#/components/schemas/capacity"},
  "tasks": {"type": "array", "items": {"type": "object", "required": ["allocation"], "additionalProperties": false,
    "properties": {"allocation": {"type": "integer", "minimum": 1}, "cpuSeconds": {"type": "number", "minimum": 0},
      "memoryBytes": {"$ref": "#/components/schemas/bytes"}}}}}},
"reports": {"type": "object", "additionalProperties": false, "properties": {
  "acknowledged": {"$ref": "#/components/schemas/count"},
  "reports": {"type": "array", "items": {"type": "object", "required": ["task", "state"],
    "anyOf": [{"required": ["attempt"]}, {"required": ["allocation"]}], "additionalProperties": false, "properties": {
      "task": {"type": "string"}, "attempt": {"type": "integer", "minimum": 1},
      "allocation": {"type": "integer", "minimum": 1}, "sequence": {"$ref": "#/components/schemas/count"},
      "state": {"enum": ["placed", "starting", "running", "succeeded", "failed", "stopped", "lost"]},
      "health": {"$ref": "#/components/schemas/taskHealth"}, "reason": {"type": "string"},
      "message": {"type": "string"}, "exitCode": {"type": "integer"}, "at": {"$ref": "#/components/schemas/time"},
      "restarts": {"type": "boolean"}, "imageDigest": {"type": "string"}}}}}},
"settingsChange": {"type": "object", "additionalProperties": false, "properties": {
  "strategy": {"type": "string"}, "queueOrder": {"enum": ["priority", "fifo", "sjf", "fair"]},
  "fairBy": {"type": "string"}, "fairWeights": {"type": "object", "additionalProperties": {"type": "number"}},
  "overcommit": {"type": "number", "minimum": 1, "maximum": 100},
  "priorityClasses": {"type": "object", "additionalProperties": {"type": "integer"}},
  "concurrency": {"$ref": "#/components/schemas/counts"}, "shadow": {"type": "string"},
  "cacheEntries": {"type": "integer", "minimum": 1, "maximum": 1000000},
  "batchSize": {"type": "integer", "minimum": 1, "maximum": 1024},
  "logLevel": {"enum": ["trace", "debug", "info", "warn", "error", "off"]}}},
"change": {"type": "object", "additionalProperties": false, "minProperties": 1, "properties": {
  "drainNode": {"$ref": "#/components/schemas/oneOrMore"}, "loseNode": {"$ref": "#/components/schemas/oneOrMore"},
  "stopJob": {"$ref": "#/components/schemas/oneOrMore"}, "submit": {"$ref": "#/components/schemas/jobs"},
  "settings": {"$ref": "#/components/schemas/settingsChange"},
  "addNodes": {"description": "one or an array of {count, capacity, labels, like}", "type": ["object", "array"]},
  "labelNode": {"description": "one or an array of {node, labels}", "type": ["object", "array"]},
  "scaleJob": {"description": "one or an array of {job, count}", "type": ["object", "array"]},
  "priority": {"description": "one or an array of {job, priority}", "type": ["object", "array"]}}},
"oneOrMore": {"anyOf": [{"type": "string"}, {"$ref": "#/components/schemas/texts"}]},
"planRequest": {"anyOf": [{"$ref": "#/components/schemas/change"}, {"type": "object", "required": ["change"],
  "additionalProperties": false, "properties": {"change": {"$ref": "#/components/schemas/change"}}}]}
})json";

// -- what is answered -----------------------------------------------------------

constexpr std::string_view answers = R"json({
"problem": {"type": "object", "required": ["type", "title", "status", "detail"], "properties": {
  "type": {"type": "string"}, "title": {"type": "string"}, "status": {"type": "integer"}, "detail": {"type": "string"},
  "errors": {"type": "array", "items": {"type": "object", "required": ["pointer", "detail"], "properties": {
    "pointer": {"type": "string"}, "detail": {"type": "string"}}}}}},
"status": {"type": "object", "required": ["status"], "properties": {"status": {"type": "string"}}},
"done": {"type": "object", "required": ["version"], "properties": {
  "version": {"$ref": "#/components/schemas/version"}, "dryRun": {"type": "boolean"},
  "name": {"type": "string"}, "removed": {"$ref": "#/components/schemas/count"},
  "jobs": {"type": "array", "items": {"type": "object", "required": ["name", "version", "tasks", "created"],
    "properties": {"name": {"type": "string"}, "version": {"type": "integer", "minimum": 1},
      "tasks": {"$ref": "#/components/schemas/count"}, "created": {"type": "boolean"}}}}}},
"jobView": {"type": "object",
  "required": ["name", "kind", "state", "version", "count", "priority", "tasks", "reasons", "submittedAt", "spec"],
  "properties": {"name": {"type": "string"}, "kind": {"$ref": "#/components/schemas/jobKind"},
    "state": {"$ref": "#/components/schemas/jobState"}, "version": {"type": "integer", "minimum": 1},
    "count": {"$ref": "#/components/schemas/count"}, "ready": {"$ref": "#/components/schemas/count"},
    "priority": {"type": "integer"}, "tasks": {"$ref": "#/components/schemas/counts"},
    "reasons": {"$ref": "#/components/schemas/counts"}, "submittedAt": {"$ref": "#/components/schemas/time"},
    "spec": {"$ref": "#/components/schemas/job"},
    "schedule": {"type": "object", "required": ["next", "last", "outcome", "timezone"], "properties": {
      "next": {"$ref": "#/components/schemas/timeOrNull"}, "last": {"$ref": "#/components/schemas/timeOrNull"},
      "outcome": {"type": ["string", "null"]}, "timezone": {"type": "string"}}}}},
"attempt": {"type": "object", "required": ["attempt", "node", "state", "reason", "message", "exitCode", "startedAt", "endedAt"],
  "properties": {"attempt": {"type": "integer", "minimum": 1}, "allocation": {"type": "integer"},
    "node": {"type": "string"}, "state": {"$ref": "#/components/schemas/taskState"},
    "reason": {"$ref": "#/components/schemas/reason"}, "message": {"type": "string"},
    "exitCode": {"type": ["integer", "null"]}, "placedAt": {"$ref": "#/components/schemas/timeOrNull"},
    "startedAt": {"$ref": "#/components/schemas/timeOrNull"}, "endedAt": {"$ref": "#/components/schemas/timeOrNull"},
    "cpuSeconds": {"type": ["number", "null"]}, "peakMemory": {"type": ["integer", "null"]}}},
"taskView": {"type": "object", "required": ["id", "job", "index", "state", "health", "node", "attempt", "attempts",
    "reason", "message", "priority", "ports", "submittedAt"],
  "properties": {"id": {"type": "string"}, "job": {"type": "string"}, "index": {"$ref": "#/components/schemas/count"},
    "kind": {"$ref": "#/components/schemas/jobKind"}, "driver": {"$ref": "#/components/schemas/driver"},
    "state": {"$ref": "#/components/schemas/taskState"}, "stopping": {"type": "boolean"},
    "health": {"$ref": "#/components/schemas/taskHealth"}, "node": {"type": "string"},
    "attempt": {"$ref": "#/components/schemas/count"}, "allocation": {"type": "integer"},
    "attempts": {"type": "array", "items": {"$ref": "#/components/schemas/attempt"}},
    "reason": {"$ref": "#/components/schemas/reason"}, "message": {"type": "string"},
    "exitCode": {"type": ["integer", "null"]}, "priority": {"type": "integer"},
    "ports": {"type": "object", "additionalProperties": {"type": "integer"}},
    "gpus": {"type": "array", "items": {"type": "integer"}}, "submittedAt": {"$ref": "#/components/schemas/time"},
    "startedAt": {"$ref": "#/components/schemas/timeOrNull"}, "endedAt": {"$ref": "#/components/schemas/timeOrNull"},
    "cpuSeconds": {"type": ["number", "null"]}, "memoryBytes": {"type": ["integer", "null"]},
    "burstLimit": {"type": ["object", "null"], "properties": {"cpu": {"type": ["number", "null"]},
      "memory": {"type": ["integer", "null"]}}},
    "cachedFrom": {"type": ["object", "null"]}}},
"nodeView": {"type": "object", "required": ["name", "state", "eligibility", "labels", "capacity", "reserved", "used",
    "tasks", "heartbeatAgeSeconds", "version"],
  "properties": {"name": {"type": "string"}, "state": {"$ref": "#/components/schemas/nodeState"},
    "eligibility": {"$ref": "#/components/schemas/nodeEligibility"}, "labels": {"$ref": "#/components/schemas/labels"},
    "capacity": {"$ref": "#/components/schemas/amounts"}, "reserved": {"$ref": "#/components/schemas/amounts"},
    "used": {"$ref": "#/components/schemas/amounts"}, "tasks": {"$ref": "#/components/schemas/count"},
    "weight": {"type": "number"}, "overcommit": {"type": "number"}, "drivers": {"$ref": "#/components/schemas/texts"},
    "heartbeatAgeSeconds": {"type": ["number", "null"], "minimum": 0}, "version": {"type": "string"},
    "joinedAt": {"$ref": "#/components/schemas/time"}, "drainDeadline": {"$ref": "#/components/schemas/timeOrNull"},
    "message": {"type": "string"}}},
"gangView": {"type": "object", "required": ["name", "state", "min", "max", "members", "placed", "reason"],
  "properties": {"name": {"type": "string"}, "state": {"enum": ["waiting", "reserving", "running", "broken"]},
    "min": {"$ref": "#/components/schemas/count"}, "max": {"$ref": "#/components/schemas/count"},
    "members": {"$ref": "#/components/schemas/count"}, "placed": {"$ref": "#/components/schemas/count"},
    "reason": {"$ref": "#/components/schemas/reason"}, "message": {"type": "string"},
    "jobs": {"$ref": "#/components/schemas/texts"}}},
"queueView": {"type": "object", "required": ["job", "priority", "tasks", "reason", "message", "submittedAt"],
  "properties": {"job": {"type": "string"}, "priority": {"type": "integer"},
    "tasks": {"$ref": "#/components/schemas/count"}, "reason": {"$ref": "#/components/schemas/reason"},
    "message": {"type": "string"}, "submittedAt": {"$ref": "#/components/schemas/time"},
    "notBefore": {"$ref": "#/components/schemas/timeOrNull"}, "nextTry": {"$ref": "#/components/schemas/timeOrNull"},
    "tries": {"$ref": "#/components/schemas/count"}}},
"policyView": {"type": "object", "required": ["name", "default"], "properties": {
  "name": {"type": "string"}, "default": {"type": "boolean"}, "shadow": {"type": "object"}}},
"actorView": {"type": "object", "required": ["type", "count", "restarts", "supervisor"], "properties": {
  "type": {"type": "string"}, "count": {"$ref": "#/components/schemas/count"},
  "restarts": {"$ref": "#/components/schemas/count"}, "supervisor": {"type": ["string", "null"]}}},
"resultView": {"type": "object", "required": ["key", "job", "task", "createdAt", "expiresAt"], "properties": {
  "key": {"type": "string", "pattern": "^[0-9a-f]{64}$"}, "job": {"type": "string"}, "task": {"type": "string"},
  "attempt": {"type": "integer"}, "node": {"type": "string"}, "createdAt": {"$ref": "#/components/schemas/time"},
  "expiresAt": {"$ref": "#/components/schemas/time"}, "hits": {"$ref": "#/components/schemas/count"}}},
"event": {"type": "object", "required": ["version", "time", "type"], "properties": {
  "version": {"type": "integer", "minimum": 1}, "time": {"$ref": "#/components/schemas/time"},
  "type": {"type": "string"}, "task": {"type": "string"}, "job": {"type": "string"}, "node": {"type": "string"}}},
"settings": {"type": "object", "required": ["strategy", "queueOrder", "overcommit"], "properties": {
  "strategy": {"type": "string"}, "queueOrder": {"enum": ["priority", "fifo", "sjf", "fair"]},
  "fairBy": {"type": "string"}, "fairWeights": {"type": "object", "additionalProperties": {"type": "number"}},
  "overcommit": {"type": "number"}, "priorityClasses": {"type": "object", "additionalProperties": {"type": "integer"}},
  "concurrency": {"$ref": "#/components/schemas/counts"}, "shadow": {"type": "string"},
  "cacheEntries": {"type": "integer"}, "batchSize": {"type": "integer"}, "logLevel": {"type": "string"},
  "version": {"$ref": "#/components/schemas/version"}}},
"cluster": {"allOf": [{"$ref": "#/components/schemas/settings"}, {"type": "object",
  "required": ["version", "nodes", "tasks", "jobs", "capacity", "reserved", "used"], "properties": {
    "nodes": {"$ref": "#/components/schemas/counts"}, "tasks": {"$ref": "#/components/schemas/counts"},
    "jobs": {"$ref": "#/components/schemas/counts"}, "capacity": {"$ref": "#/components/schemas/amounts"},
    "reserved": {"$ref": "#/components/schemas/amounts"}, "used": {"$ref": "#/components/schemas/amounts"}}}]},
"suggestions": {"type": "array", "items": {"type": "object", "required": ["change", "message"], "properties": {
  "change": {"type": "string"}, "message": {"type": "string"}}}},
"decision": {"type": "object", "required": ["version", "time", "policy", "asked", "placed", "refused"], "properties": {
  "version": {"$ref": "#/components/schemas/version"}, "time": {"type": "string"}, "policy": {"type": "string"},
  "asked": {"$ref": "#/components/schemas/count"}, "placed": {"$ref": "#/components/schemas/count"},
  "refused": {"$ref": "#/components/schemas/counts"}, "node": {"type": "string"},
  "fit": {"$ref": "#/components/schemas/count"},
  "preempted": {"type": "array", "items": {"type": "object", "required": ["task", "priority"]}}}},
"why": {"type": "object", "required": ["task", "state", "reason", "message", "nodes", "ahead", "suggestions"],
  "properties": {"task": {"type": "string"}, "state": {"type": "string"},
    "reason": {"$ref": "#/components/schemas/reason"}, "message": {"type": "string"},
    "nodes": {"type": "array", "items": {"type": "object", "required": ["verdict"],
      "anyOf": [{"required": ["node"]}, {"required": ["nodes"]}], "properties": {
        "node": {"type": "string"}, "nodes": {"type": "integer", "minimum": 1}, "verdict": {"type": "string"},
        "message": {"type": "string"}, "score": {"type": ["number", "null"]},
        "parts": {"type": "object", "additionalProperties": {"type": "number"}}}}},
    "decision": {"$ref": "#/components/schemas/decision"}, "lastTry": {"$ref": "#/components/schemas/decision"},
    "ahead": {"$ref": "#/components/schemas/count"}, "suggestions": {"$ref": "#/components/schemas/suggestions"}}},
"whyNode": {"type": "object", "required": ["node", "state", "eligibility", "reason", "message", "suggestions"],
  "properties": {"node": {"type": "string"}, "state": {"$ref": "#/components/schemas/nodeState"},
    "eligibility": {"$ref": "#/components/schemas/nodeEligibility"}, "reason": {"$ref": "#/components/schemas/reason"},
    "message": {"type": "string"}, "verdicts": {"$ref": "#/components/schemas/counts"},
    "waiting": {"type": "array"}, "suggestions": {"$ref": "#/components/schemas/suggestions"}}},
"plan": {"type": "object", "required": ["version", "moves", "victims", "stops", "doesNotFit", "counts", "complete"],
  "properties": {"version": {"$ref": "#/components/schemas/version"}, "time": {"$ref": "#/components/schemas/time"},
    "drains": {"type": "array", "items": {"type": "object", "required": ["node", "deadline"], "properties": {
      "node": {"type": "string"}, "deadline": {"$ref": "#/components/schemas/time"}}}},
    "moves": {"type": "array", "items": {"type": "object", "required": ["task", "from", "to"], "properties": {
      "task": {"type": "string"}, "from": {"type": ["string", "null"]}, "to": {"type": "string"},
      "at": {"$ref": "#/components/schemas/time"}, "mayEndFirst": {"type": "boolean"}}}},
    "victims": {"type": "array", "items": {"type": "object", "required": ["task", "node", "priority"]}},
    "stops": {"type": "array", "items": {"type": "object", "required": ["task", "node"]}},
    "doesNotFit": {"type": "array", "items": {"type": "object", "required": ["job", "tasks", "reason", "message"], "properties": {
      "mayEndFirst": {"type": "integer", "minimum": 0}}}},
    "counts": {"$ref": "#/components/schemas/counts"}, "complete": {"type": "boolean"}}},
"workBatch": {"type": "object", "required": ["items"], "properties": {"items": {"type": "array", "items": {
  "type": "object", "required": ["sequence", "kind", "task", "attempt", "allocation"], "properties": {
    "sequence": {"type": "integer"}, "kind": {"enum": ["start", "stop", "forget", "reserve", "release"]},
    "task": {"type": "string"}, "attempt": {"type": "integer"}, "allocation": {"type": "integer"},
    "spec": {"anyOf": [{"$ref": "#/components/schemas/job"}, {"type": "null"}]}, "ports": {"type": "array"},
    "gpus": {"type": "array", "items": {"type": "integer"}}, "reason": {"$ref": "#/components/schemas/reason"},
    "deadline": {"$ref": "#/components/schemas/timeOrNull"}}}}}},
"taken": {"type": "object", "required": ["acknowledged"], "properties": {
  "acknowledged": {"$ref": "#/components/schemas/count"}}},
"heard": {"type": "object", "required": ["node"], "properties": {"node": {"type": "string"}}},
"execResult": {"type": "object", "required": ["exitCode", "output"], "properties": {
  "exitCode": {"type": "integer"}, "output": {"type": "string"}}},
"map": {"type": "object", "required": ["items", "version"], "properties": {
  "items": {"type": "array", "items": {"type": "object", "required": ["name", "state", "tasks"]}},
  "version": {"$ref": "#/components/schemas/version"}}},
"usage": {"type": "object"}
})json";

void add(boost::json::object& to, std::string_view text) {
  auto all = boost::json::parse(text);
  for (auto& [name, schema] : all.as_object())
    to[name] = schema;
}

} // namespace

boost::json::object schemas() {
  boost::json::object result;
  for (auto text : {words, bodies, answers})
    add(result, text);
  return result;
}

} // namespace troupe::runtime::api
