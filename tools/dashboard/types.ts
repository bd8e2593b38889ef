// What REST answers, as far as it is shown. Fields that a later controller adds are
// ignored; those that an older one lacks are optional.

export interface Problem {
  status: number;
  title: string;
  detail: string;
  errors?: { pointer: string; detail: string }[];
}

export interface Page<T> {
  items: T[];
  nextCursor: string | null;
  version: number;
}

export interface Amounts {
  cpu: number;
  memory: number;
  gpu: number;
  resources?: Record<string, number>;
}

export interface Cluster {
  version: number;
  nodes: Record<string, number>;
  tasks: Record<string, number>;
  jobs: Record<string, number>;
  capacity: Amounts;
  reserved: Amounts;
  used: Amounts;
  strategy: string;
  queueOrder: string;
}

export interface NodeView {
  name: string;
  state: string;
  eligibility: string;
  labels: Record<string, string>;
  capacity: Amounts;
  reserved: Amounts;
  used: Amounts;
  tasks: number;
  weight: number;
  overcommit: number;
  drivers: string[];
  heartbeatAgeSeconds: number | null;
  version: string;
  joinedAt: string;
  /** What people should know of it: silence, a drain, a quarantine, a driver that does not work. */
  message: string;
}

export interface JobView {
  name: string;
  kind: string;
  state: string;
  version: number;
  count: number;
  priority: number;
  tasks: Record<string, number>;
  reasons: Record<string, number>;
  submittedAt: string;
  spec: Record<string, unknown>;
}

export interface Attempt {
  attempt: number;
  node: string;
  state: string;
  reason: string | null;
  message: string;
  exitCode: number | null;
  placedAt: string | null;
  startedAt: string | null;
  endedAt: string | null;
}

export interface TaskView {
  id: string;
  job: string;
  index: number;
  kind: string;
  driver: string;
  state: string;
  stopping: boolean;
  health: string;
  node: string;
  attempt: number;
  attempts: Attempt[];
  reason: string | null;
  message: string;
  exitCode: number | null;
  priority: number;
  ports: Record<string, number>;
  gpus: number[];
  submittedAt: string;
  startedAt: string | null;
  endedAt: string | null;
  cpuSeconds?: number | null;
  memoryBytes?: number | null;
  burstLimit?: { cpu?: number | null; memory?: number | null } | null;
}

export interface QueueView {
  job: string;
  priority: number;
  tasks: number;
  reason: string | null;
  message: string;
  submittedAt: string;
  notBefore: string | null;
}

export interface QueuePage extends Page<QueueView> {
  /** Of the whole queue. */
  waiting?: number;
  oldest?: string | null;
}

export interface Gang {
  name: string;
  state: string;
  min: number;
  max: number;
  members: number;
  placed: number;
  reason: string | null;
  message: string;
  jobs: string[];
}

export interface Event_ {
  version: number;
  time: string;
  type: string;
  task?: string;
  job?: string;
  node?: string;
  [member: string]: unknown;
}

export interface Events {
  items: Event_[];
  missed?: boolean;
}

export interface Verdict {
  node?: string;
  nodes: number;
  verdict: string;
  message: string;
  score: number | null;
  parts: Record<string, number>;
}

export interface Why {
  task?: string;
  state?: string;
  reason?: string | null;
  message?: string;
  strategy?: string;
  nodes?: Verdict[];
  ahead?: number;
  suggestions?: { change: string; message: string }[];
}

export interface Series {
  name: string;
  cpu: { reserved: (number | null)[]; used: (number | null)[] };
  memory: { reserved: (number | null)[]; used: (number | null)[] };
  gpu: { reserved: (number | null)[]; used: (number | null)[] };
}

export interface Usage {
  intervalSeconds: number;
  items: Series[];
}

export interface MapNode {
  name: string;
  state: string;
  eligibility: string;
  labels: Record<string, string>;
  /** Cores, bytes, devices. */
  capacity: [number, number, number];
  reserved: [number, number, number];
  used: [number, number, number];
  /** `web!5:0r,1r;api!0:3s`: job, priority, index and letter of each task. */
  tasks: string;
}

export interface MapView {
  items: MapNode[];
}
