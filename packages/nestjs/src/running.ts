/** A subscription that this process runs: its state for the health indicator, and its lines in Nest's log. */
import type {
  EventStore,
  StateChange,
  Subscription,
  SubscriptionState,
  SubscriptionStatus,
} from '@eventsourced/core'
import { Logger } from '@nestjs/common'
import { type Definition, nameOf } from './definition.ts'

const logger = new Logger('Eventsourced')

/** A started subscription. It never rejects without a listener, so its failure does not end the process. */
export class Running {
  readonly name: string
  readonly stopsFirst: boolean
  state: SubscriptionState = 'starting'
  failure: Error | undefined
  readonly #subscription: Subscription

  /** Starts the subscription. @throws InvalidInputError if an option is wrong */
  constructor(store: EventStore, definition: Definition) {
    const { options, stopsFirst = false } = definition
    this.name = nameOf(definition)
    this.stopsFirst = stopsFirst
    this.#subscription = store.subscribe({
      ...options,
      onStateChange: (state: SubscriptionState, change: StateChange) => {
        this.#note(state, change)
        // The store awaits the promise that the function may return.
        return options.onStateChange?.(state, change)
      },
    })
    this.#subscription.done.catch((error: Error) => {
      this.state = 'failed'
      this.failure = error
      logger.error(
        `${error.message}. This process no longer runs it: repair the cause and restart`,
        error.stack,
      )
    })
  }

  status(): Promise<SubscriptionStatus> {
    return this.#subscription.status()
  }

  /** Waits for the running handler, and releases the leases, so that another process takes them at once. */
  async stop(timeout: number): Promise<void> {
    await this.#subscription.stop({ timeout })
  }

  #note(state: SubscriptionState, { error, event, attempt, partition }: StateChange): void {
    this.state = state
    const what = `Subscription '${this.name}'`
    const where = event === undefined ? '' : ` at ${event.type} (position ${event.position})`
    const why = error instanceof Error ? `: ${error.message}` : ''
    if (state === 'retrying') {
      const call = attempt === undefined ? '' : `, attempt ${attempt}`
      logger.warn(`${what} retries${where}${call}${why}`)
    } else if (state === 'parking') {
      logger.error(`${what} has parked an event${where}, partition ${partition}${why}`, stackOf(error))
    } else if (state === 'superseded' || state === 'removed' || state === 'outdated' || state === 'paused') {
      logger.warn(`${what} is ${state}${why}`)
    }
  }
}

function stackOf(error: unknown): string | undefined {
  return error instanceof Error ? error.stack : undefined
}
