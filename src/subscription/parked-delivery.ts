/** Handling what was set aside and is to be handled now: what somebody has retried, and what is blocked no more. */
import type { RecordedEvent } from '../event.ts'
import type { EngineEnvironment } from '../runtime/environment.ts'
import type { Lease, ParkedRecord } from '../storage/subscriptions.ts'
import { type Delivery, type DeliveryReport, Stopped } from './delivery.ts'
import { eventAt } from './event-at.ts'
import type { RunSignals } from './handler-calls.ts'
import { toPark } from './parking.ts'
import type { Progress } from './progress.ts'

export class ParkedDelivery {
  readonly #environment: EngineEnvironment
  readonly #lease: Lease
  readonly #delivery: Delivery
  readonly #signals: RunSignals
  readonly #progress: Progress
  readonly #report: Pick<DeliveryReport, 'parking'>

  constructor(
    environment: EngineEnvironment,
    lease: Lease,
    delivery: Delivery,
    signals: RunSignals,
    progress: Progress,
    report: Pick<DeliveryReport, 'parking'>,
  ) {
    this.#environment = environment
    this.#lease = lease
    this.#delivery = delivery
    this.#signals = signals
    this.#progress = progress
    this.#report = report
  }

  /** One after the other, each looked up anew: what became of one decides about the others of its stream. */
  async deliver(): Promise<void> {
    const { storage } = this.#environment
    for (let handled = 0; ; handled++) {
      const [record] = await storage.parkedToHandle(this.#lease, 1, this.#signals.abandon)
      if (this.#signals.stop.aborted) throw new Stopped()
      if (record !== undefined) await this.#deliverRecord(record)
      else if (handled > 0) return this.#delivery.readBlocked()
      else return
    }
  }

  async #deliverRecord(record: ParkedRecord): Promise<void> {
    const { position } = record
    const { storage } = this.#environment
    const event = (await eventAt(storage, position, this.#signals.abandon)) as RecordedEvent
    const outcome = await this.#delivery.handleAgain(event, (transaction) =>
      transaction.unpark(this.#lease, position),
    )
    if (outcome.kind === 'handled') {
      this.#progress.handled++
      return
    }
    const again = toPark(event, 'parked', record.failures + outcome.failures, outcome.error)
    await storage.parkAgain(this.#lease, again, this.#signals.abandon)
    this.#progress.parked++
    this.#report.parking()
  }
}
