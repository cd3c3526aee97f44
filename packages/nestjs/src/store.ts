/** Stores as providers: who owns them, and how classes get them. */
import type { EventStore } from '@eventsourced/core'
import { Inject, Logger, type OnApplicationShutdown } from '@nestjs/common'

/** The name of a store that was registered without one. */
export const defaultStore = 'default'

/** Returns the injection token of a store. `name`: the name that it is registered with. */
export function getStoreToken(name: string = defaultStore): string {
  return `EventsourcedStore(${name})`
}

/** Returns the injection token of the object that owns a store. */
export function getStoreHostToken(name: string): string {
  return `EventsourcedStoreHost(${name})`
}

/**
 * Injects a store: `constructor(@InjectStore() private readonly store: EventStore)`. `name`: the name that it is
 * registered with.
 */
export function InjectStore(name?: string): PropertyDecorator & ParameterDecorator {
  return Inject(getStoreToken(name))
}

/** How this process runs the projections and subscriptions of a store. */
export interface RunSettings {
  readonly runSubscriptions: boolean
  /** In milliseconds. */
  readonly stopTimeout: number
}

/** Owns a store: closes it when the application has shut down, if the module has opened it. */
export class StoreHost implements OnApplicationShutdown {
  readonly name: string
  readonly store: EventStore
  readonly settings: RunSettings
  readonly #closes: boolean

  constructor(name: string, store: EventStore, closes: boolean, settings: RunSettings) {
    this.name = name
    this.store = store
    this.settings = settings
    this.#closes = closes
  }

  // The HTTP server has answered its last request by then, and the subscriptions have stopped.
  async onApplicationShutdown(): Promise<void> {
    if (!this.#closes) return
    await this.store.close()
    new Logger('Eventsourced').log(`Store '${this.name}' is closed`)
  }
}
