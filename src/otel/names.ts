/**
 * The names of spans, attributes and metrics. The names that begin with `messaging.` and `error.` are those of the
 * OpenTelemetry semantic conventions 1.45.0 (https://github.com/open-telemetry/semantic-conventions/tree/v1.45.0), where the
 * conventions of messaging have the status "Development": a minor release of this library may follow their changes.
 */

/** The instrumentation scope of all spans and metrics. */
export const scope = '@eventsourced/core'

export const attribute = {
  errorType: 'error.type',
  system: 'messaging.system.name',
  operationType: 'messaging.operation.type',
  operationName: 'messaging.operation.name',
  consumerGroup: 'messaging.consumer.group.name',
  partition: 'messaging.destination.partition.id',
  messageId: 'messaging.message.id',
  messageCount: 'messaging.batch.message_count',
  streamId: 'eventsourced.stream.id',
  streams: 'eventsourced.append.streams',
  events: 'eventsourced.append.events',
  commandId: 'eventsourced.command.id',
  eventType: 'eventsourced.event.type',
  position: 'eventsourced.event.position',
  attempt: 'eventsourced.attempt',
  outcome: 'eventsourced.outcome',
  subscription: 'eventsourced.subscription',
  projection: 'eventsourced.projection',
  reason: 'eventsourced.retry.reason',
} as const

/** The value of `messaging.system.name`. */
export const system = 'eventsourced'

/** The values of `SpanKind` and `SpanStatusCode` in `@opentelemetry/api`. */
export const spanKind = { internal: 0, consumer: 4 } as const
export const statusError = 2

/** The name of an instrument, and the options that it is made with. */
interface Instrument {
  readonly name: string
  readonly options: {
    readonly description: string
    readonly unit: string
    readonly advice?: { readonly explicitBucketBoundaries: number[] }
  }
}

/** The buckets that the conventions advise for `messaging.process.duration`, in seconds. */
const seconds = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]
const durationOptions = (description: string, buckets = seconds) => ({
  description,
  unit: 's',
  advice: { explicitBucketBoundaries: buckets },
})
/** An append takes milliseconds, so its buckets begin lower. */
const shortSeconds = [0.0005, 0.001, 0.0025, ...seconds]

type Histogram = 'process' | 'append' | 'read' | 'command' | 'commit' | 'batch'

export const histograms: Readonly<Record<Histogram, Instrument>> = {
  process: {
    name: 'messaging.process.duration',
    options: durationOptions('Duration of one attempt of a handler.'),
  },
  append: {
    name: 'eventsourced.append.duration',
    options: durationOptions('Duration of a call that appends.', shortSeconds),
  },
  read: {
    name: 'eventsourced.read.duration',
    options: durationOptions('Duration of a call of readStream.', shortSeconds),
  },
  command: {
    name: 'eventsourced.command.duration',
    options: durationOptions('Duration of a call of a command handler, with its retries.', shortSeconds),
  },
  commit: {
    name: 'eventsourced.commit.duration',
    options: durationOptions('Duration of one commit of appends.', shortSeconds),
  },
  batch: {
    name: 'eventsourced.append.batch',
    options: {
      description: 'Number of appends that shared one commit.',
      unit: '{append}',
      advice: { explicitBucketBoundaries: [1, 2, 4, 8, 16, 32, 64, 128, 256, 512] },
    },
  },
}

export const counters: Readonly<Record<'conflicts' | 'retries' | 'parked', Instrument>> = {
  conflicts: {
    name: 'eventsourced.conflicts',
    options: {
      description: 'Appends that found their stream at another version than expected.',
      unit: '{append}',
    },
  },
  retries: {
    name: 'eventsourced.retries',
    options: { description: 'Requests that failed with a transient error.', unit: '{request}' },
  },
  parked: {
    name: 'eventsourced.parked',
    options: { description: 'Events that a subscription has parked.', unit: '{event}' },
  },
}

export const gauges: Readonly<Record<'lag' | 'lagTime', Instrument>> = {
  lag: {
    name: 'eventsourced.subscription.lag',
    options: { description: 'Positions between the checkpoint and the end of the log.', unit: '{event}' },
  },
  lagTime: {
    name: 'eventsourced.subscription.lag.time',
    options: { description: 'Age of the oldest event that is read and not handled yet.', unit: 's' },
  },
}
