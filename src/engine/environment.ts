/** Makes the parts that the subscriptions, views and rebuilds of one store share. */
import { hostname } from 'node:os'
import { LogReader } from '../log/log-reader.ts'
import type { EngineEnvironment } from '../runtime/environment.ts'
import type { Wakeup } from '../runtime/wakeup.ts'
import { CheckpointWaits } from '../subscription/checkpoint-waits.ts'
import { CheckpointWriter } from '../subscription/checkpoint-writer.ts'
import { Heartbeat } from '../subscription/heartbeat.ts'
import { LiveHandlers } from '../subscription/live-handlers.ts'

const thisProcess = `${hostname()}/${process.pid}`

interface Given
  extends Pick<EngineEnvironment, 'storage' | 'clock'>,
    Partial<Pick<EngineEnvironment, 'known' | 'observation'>> {
  /** Wakes waiting readers when this process appends, or when another process reports an append. */
  readonly wakeup: Pick<Wakeup, 'count' | 'wait'>
  /** @default the name of the host, and the number of the process */
  readonly workerName?: string | undefined
}

export function engineEnvironment({
  storage,
  known,
  wakeup,
  clock,
  workerName,
  observation,
}: Given): EngineEnvironment {
  const checkpointWriter = new CheckpointWriter(storage, clock)
  return {
    storage,
    known,
    observation,
    clock,
    log: new LogReader(storage, wakeup, clock),
    workerName: workerName ?? thisProcess,
    heartbeat: new Heartbeat(storage, clock),
    checkpointWriter,
    checkpointWaits: new CheckpointWaits(storage, clock, checkpointWriter),
    liveHandlers: new LiveHandlers(),
  }
}
