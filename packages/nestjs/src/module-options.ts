/** The options of the module, and their checks. */
import type { EventStore } from '@eventsourced/core'
import type { FactoryProvider, ModuleMetadata } from '@nestjs/common'
import { checkMilliseconds } from './milliseconds.ts'
import { EventsourcedSetUpError, shown } from './set-up-error.ts'
import { defaultStore, StoreHost } from './store.ts'

/** How the module gets the store, and how it runs its subscriptions. */
export interface StoreSettings {
  /** A store that your code has opened. The module does not close it. Either this or `open`. */
  // biome-ignore lint/suspicious/noExplicitAny: a store of any events, with any transaction
  readonly store?: EventStore<any, any> | undefined
  /** Opens the store. The module closes it in `onApplicationShutdown`. Either this or `store`. */
  // biome-ignore lint/suspicious/noExplicitAny: a store of any events, with any transaction
  readonly open?: (() => EventStore<any, any> | Promise<EventStore<any, any>>) | undefined
  /**
   * Whether the module closes the store when the application shuts down.
   * @default true with `open`, false with `store`
   */
  readonly closeStore?: boolean | undefined
  /**
   * Whether this process runs the projections and subscriptions. Set it to false in a process that only answers
   * requests while others run them. @default true
   */
  readonly runSubscriptions?: boolean | undefined
  /**
   * How long a running handler may take to finish when the application shuts down, in milliseconds. Then the module
   * abandons it, and another process handles its event again. @default 30,000
   */
  readonly stopTimeout?: number | undefined
}

/** What must be known before the store is opened. */
export interface StoreRegistration {
  /** Needed if the application has several stores: `@InjectStore(name)`. @default 'default' */
  readonly name?: string | undefined
  /** Whether every module can inject the store without an import of this module. @default true */
  readonly global?: boolean | undefined
}

/** The options of `EventsourcedModule.forRoot`. */
export interface EventsourcedModuleOptions extends StoreSettings, StoreRegistration {}

/** The options of `EventsourcedModule.forRootAsync`. */
export interface EventsourcedModuleAsyncOptions extends StoreRegistration {
  /** Modules with the providers that `inject` names. @default none */
  readonly imports?: ModuleMetadata['imports'] | undefined
  /** The providers that `useFactory` is called with. @default none */
  readonly inject?: FactoryProvider['inject'] | undefined
  /** Returns how to get the store. */
  // biome-ignore lint/suspicious/noExplicitAny: Nest passes the injected providers, of any type
  readonly useFactory: (...providers: any[]) => StoreSettings | Promise<StoreSettings>
}

/** Returns the name of a store. @throws EventsourcedSetUpError if it is no text */
export function storeName(name: unknown = defaultStore): string {
  if (typeof name === 'string' && name !== '') return name
  throw new EventsourcedSetUpError(`The name of a store must be a text that is not empty, not ${shown(name)}`)
}

/** Opens the store of a registration. */
export async function openHost(name: string, settings: StoreSettings): Promise<StoreHost> {
  const { store: given, open, closeStore = open !== undefined } = settings ?? {}
  const { runSubscriptions = true, stopTimeout = 30_000 } = settings ?? {}
  const of = `of store '${name}'`
  if ((given === undefined) === (open === undefined))
    throw new EventsourcedSetUpError(`The options ${of} must have either \`store\` or \`open\`, and not both`)
  if (open !== undefined && typeof open !== 'function')
    throw new EventsourcedSetUpError(`\`open\` ${of} must be a function, not ${shown(open)}`)
  for (const [option, value] of Object.entries({ closeStore, runSubscriptions }))
    if (typeof value !== 'boolean')
      throw new EventsourcedSetUpError(`\`${option}\` ${of} must be true or false, not ${shown(value)}`)
  checkMilliseconds(stopTimeout, `\`stopTimeout\` ${of}`)
  const store: EventStore | undefined = given ?? (await open?.())
  if (typeof store?.subscribe !== 'function')
    throw new EventsourcedSetUpError(`The options ${of} must give an event store, not ${shown(store)}`)
  return new StoreHost(name, store, closeStore, { runSubscriptions, stopTimeout })
}
