/** The metric families that Prometheus gets: their names, what they mean, and their labels. */

type FamilyType = 'counter' | 'gauge' | 'histogram'

/** A metric family, without the prefix of its name. The name of a counter ends in `_total`. */
interface Family {
  readonly type: FamilyType
  readonly help: string
  readonly labels: readonly string[]
}

export type HistogramName =
  | 'append_duration_seconds'
  | 'commit_duration_seconds'
  | 'read_duration_seconds'
  | 'command_duration_seconds'
  | 'handler_duration_seconds'

export type CounterName =
  | 'appended_events_total'
  | 'committed_appends_total'
  | 'read_events_total'
  | 'command_retries_total'
  | 'handled_events_total'
  | 'parked_total'
  | 'incidents_total'
  | 'dynamodb_capacity_units_total'

export type GaugeName =
  | 'up'
  | 'frontier_position'
  | 'head_position'
  | 'frontier_held_seconds'
  | 'last_append_timestamp_seconds'
  | 'subscription_lag_positions'
  | 'subscription_lag_seconds'
  | 'subscription_parked_events'
  | 'subscription_partitions'
  | 'subscription_unowned_partitions'
  | 'subscription_paused'
  | 'worker_failed'

export type FamilyName = HistogramName | CounterName | GaugeName

// Labels have few values: outcomes, kinds, and the names of subscriptions and tables. A stream id would make a series for
// each stream.
export const families: Readonly<Record<FamilyName, Family>> = {
  append_duration_seconds: {
    type: 'histogram',
    help: 'How long calls of append, appendAll and batches of import took.',
    labels: ['outcome'],
  },
  appended_events_total: { type: 'counter', help: 'Events that this process appended.', labels: [] },
  commit_duration_seconds: {
    type: 'histogram',
    help: 'How long the commits took that contain the appends.',
    labels: [],
  },
  committed_appends_total: {
    type: 'counter',
    help: 'Appends in all commits. Divided by the number of commits: the size of a group.',
    labels: [],
  },
  read_duration_seconds: {
    type: 'histogram',
    help: 'How long calls of readStream took.',
    labels: ['outcome'],
  },
  read_events_total: { type: 'counter', help: 'Events that readStream returned.', labels: [] },
  command_duration_seconds: {
    type: 'histogram',
    help: 'How long calls of command handlers took, with their retries.',
    labels: ['outcome'],
  },
  command_retries_total: {
    type: 'counter',
    help: 'Decisions that command handlers repeated after a conflict with another writer.',
    labels: [],
  },
  handler_duration_seconds: {
    type: 'histogram',
    help: 'How long attempts of subscription handlers took.',
    labels: ['subscription', 'outcome'],
  },
  handled_events_total: {
    type: 'counter',
    help: 'Events that subscription handlers of this process handled.',
    labels: ['subscription'],
  },
  parked_total: {
    type: 'counter',
    help: 'Events that this process parked.',
    labels: ['subscription'],
  },
  incidents_total: {
    type: 'counter',
    help: 'Incidents that the store handled itself, such as retries after transient errors.',
    labels: ['kind'],
  },
  dynamodb_capacity_units_total: {
    type: 'counter',
    help: 'Capacity units that requests to DynamoDB consumed.',
    labels: ['table', 'operation', 'access'],
  },
  up: { type: 'gauge', help: 'Whether the database answers: 1, or 0.', labels: [] },
  frontier_position: { type: 'gauge', help: 'Readers of the log see the events up to it.', labels: [] },
  head_position: { type: 'gauge', help: 'The highest position that the database assigned.', labels: [] },
  frontier_held_seconds: {
    type: 'gauge',
    help: 'For how long a running append has held back the readers of the log.',
    labels: [],
  },
  last_append_timestamp_seconds: {
    type: 'gauge',
    help: 'When the last event was recorded, in seconds since 1970.',
    labels: [],
  },
  subscription_lag_positions: {
    type: 'gauge',
    help: 'Positions between the checkpoint and the end of the log.',
    labels: ['subscription'],
  },
  subscription_lag_seconds: {
    type: 'gauge',
    help: 'How long the first event after the checkpoint has waited.',
    labels: ['subscription'],
  },
  subscription_parked_events: {
    type: 'gauge',
    help: 'Events that are parked, or blocked by a parked event.',
    labels: ['subscription'],
  },
  subscription_partitions: {
    type: 'gauge',
    help: 'Partitions of the subscription.',
    labels: ['subscription'],
  },
  subscription_unowned_partitions: {
    type: 'gauge',
    help: 'Partitions that no worker holds.',
    labels: ['subscription'],
  },
  subscription_paused: {
    type: 'gauge',
    help: 'Whether an operator has paused the subscription: 1, or 0.',
    labels: ['subscription'],
  },
  worker_failed: {
    type: 'gauge',
    help: 'Whether the worker of this process has failed: 1, or 0.',
    labels: ['subscription'],
  },
}
