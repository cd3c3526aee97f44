/** Starts the subscriptions of a store when the application has started, and stops them before it closes the store. */
import {
  type BeforeApplicationShutdown,
  Logger,
  type OnApplicationBootstrap,
  type OnModuleDestroy,
  type OnModuleInit,
} from '@nestjs/common'
import type { DiscoveryService, ModuleRef } from '@nestjs/core'
import { decoratedDefinitions } from './decorated-classes.ts'
import { type Definition, DefinitionSource, nameOf } from './definition.ts'
import { Running } from './running.ts'
import { EventsourcedSetUpError } from './set-up-error.ts'
import { defaultStore, StoreHost } from './store.ts'

/**
 * One runner for each store. It lives in a module that is not global: Nest then calls its hooks after those of global
 * modules when the application starts, and before them when it shuts down.
 */
export class SubscriptionRunner
  implements OnModuleInit, OnApplicationBootstrap, OnModuleDestroy, BeforeApplicationShutdown
{
  readonly host: StoreHost
  /** The subscriptions that this process has started. */
  readonly running: Running[] = []
  readonly #discovery: DiscoveryService
  readonly #moduleRef: ModuleRef
  #definitions: readonly Definition[] = []

  constructor(host: StoreHost, discovery: DiscoveryService, moduleRef: ModuleRef) {
    this.host = host
    this.#discovery = discovery
    this.#moduleRef = moduleRef
  }

  /** Checks the set-up before any subscription of any store starts. */
  onModuleInit(): void {
    const all = [
      ...decoratedDefinitions(this.#discovery, this.#moduleRef),
      ...instancesOf(this.#discovery, DefinitionSource).flatMap((source) => source.definitions()),
    ]
    checkStores(this.#discovery, all)
    this.#definitions = all.filter(({ store }) => store === this.host.name)
    checkNames(this.#definitions)
  }

  async onApplicationBootstrap(): Promise<void> {
    const { name, store, settings } = this.host
    if (!settings.runSubscriptions) return
    try {
      for (const definition of this.#definitions) this.running.push(new Running(store, definition))
    } catch (error) {
      await this.#stop(this.running)
      throw error
    }
    if (this.running.length > 0)
      new Logger('Eventsourced').log(
        `Store '${name}' runs ${this.running.map((one) => `'${one.name}'`).join(', ')}`,
      )
  }

  async onModuleDestroy(): Promise<void> {
    await this.#stop(this.running.filter(({ stopsFirst }) => stopsFirst))
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.#stop(this.running)
  }

  async #stop(running: readonly Running[]): Promise<void> {
    await Promise.all(running.map((one) => one.stop(this.host.settings.stopTimeout)))
  }
}

/** Returns the providers of the application that are instances of a class, each once. */
export function instancesOf<T>(discovery: DiscoveryService, type: abstract new (...args: never[]) => T): T[] {
  const instances = discovery.getProviders().map((wrapper) => wrapper.instance as unknown)
  return [...new Set(instances.filter((instance): instance is T & object => instance instanceof type))]
}

/** Refuses two stores with one name, and a definition whose store is not registered. */
function checkStores(discovery: DiscoveryService, definitions: readonly Definition[]): void {
  const names = instancesOf(discovery, StoreHost).map(({ name }) => name)
  for (const name of names) {
    if (names.filter((other) => other === name).length === 1) continue
    throw new EventsourcedSetUpError(
      name === defaultStore
        ? 'Two stores are registered without a name. Give one of them a name: EventsourcedModule.forRoot({ name, … })'
        : `Two stores are registered as '${name}'. Give one of them another name`,
    )
  }
  for (const { store, source } of definitions) {
    if (names.includes(store)) continue
    const known = names.map((name) => `'${name}'`).join(', ')
    throw new EventsourcedSetUpError(
      `${source} follows the store '${store}', which is not registered. Registered: ${known}. Name one of them, or register the store with EventsourcedModule.forRoot`,
    )
  }
}

/** Refuses two definitions with one name: they would share one checkpoint. */
function checkNames(definitions: readonly Definition[]): void {
  const sources = new Map<string, string>()
  for (const definition of definitions) {
    const name = nameOf(definition)
    const other = sources.get(name)
    if (other !== undefined)
      throw new EventsourcedSetUpError(
        `Two subscriptions of store '${definition.store}' are named '${name}': ${other} and ${definition.source}. Give one of them another name, or provide the class in one module and import that module elsewhere`,
      )
    sources.set(name, definition.source)
  }
}
