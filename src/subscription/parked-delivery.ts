/** Handles the parked events that are due: a caller retries them, or no earlier event of their stream blocks them. */
import type { RecordedEvent } from '../event.ts'
import type { EngineEnvironment } from '../runtime/environment.ts'
import type { Lease, ParkedRecord } from '../storage/subscriptions.ts'
import { type Delivery, type DeliveryReport, Stopped } from './delivery.ts'
import { eventAt } from './event-at.ts'
import type { RunSignals } from './handler-calls.ts'
import { eventToPark } from './parking.ts'
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

  /**
   * Handles all events that are due, one after the other. It asks the storage again before each one: the outcome of an
   * event decides whether later events of its stream are still blocked.
   */
  async deliver(): Promise<void> {
    const { storage } = this.#environment
    for (let handled = 0; ; handled++) {
      const [record] = await storage.parkedToHandle(this.#lease, 1, this.#signals.abandon)
      if (this.#signals.stop.aborted) throw new Stopped()
      if (record !== undefined) await this.#deliverRecord(record)
      else if (handled > 0) return this.#delivery.readBlockedStreams()
      else return
    }
  }

  async #deliverRecord(record: ParkedRecord): Promise<void> {
    const { position } = record
    const { storage, observation } = this.#environment
    const event = (await eventAt(storage, position, this.#signals.abandon)) as RecordedEvent
    const outcome = await this.#delivery.handleParked(event, (transaction) =>
      transaction.unpark(this.#lease, position),
    )
    if (outcome.kind === 'handled') {
      this.#progress.handled++
      return
    }
    const failures = record.failures + outcome.failures
    const parked = eventToPark(outcome.event, 'parked', failures, outcome.error)
    await storage.parkAgain(this.#lease, parked, this.#signals.abandon)
    this.#progress.parked++
    observation?.measure?.({ kind: 'park', subscription: this.#lease.subscription, position })
    this.#report.parking(outcome.error, {
      event: this.#delivery.eventToday(outcome.event),
      attempt: outcome.failures,
    })
  }
}
