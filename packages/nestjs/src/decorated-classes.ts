/** Finds the providers with `@Subscribes` and `@Projects`, and makes definitions of them. */
import { projection, type RecordedEvent } from '@eventsourced/core'
import { ContextIdFactory, type DiscoveryService, type ModuleRef } from '@nestjs/core'
import type { Definition } from './definition.ts'
import { EventsourcedSetUpError } from './set-up-error.ts'
import { defaultStore } from './store.ts'
import {
  type ProjectionHandler,
  projectsOptionsOf,
  type SubscriptionHandler,
  subscribesOptionsOf,
} from './subscribes.ts'

type Wrapper = ReturnType<DiscoveryService['getProviders']>[number]

/** Returns the definitions of all decorated providers of the application. */
export function decoratedDefinitions(discovery: DiscoveryService, moduleRef: ModuleRef): Definition[] {
  return discovery.getProviders().flatMap((wrapper) => {
    const type = classOf(wrapper)
    if (type === undefined || wrapper.isAlias) return []
    const definitions: Definition[] = []
    const subscribes = subscribesOptionsOf(type)
    const projects = projectsOptionsOf(type)
    const { source, instance } = { source: sourceOf(wrapper), instance: instanceOf(wrapper, moduleRef) }
    if (subscribes !== undefined) {
      const { store = defaultStore, ...options } = subscribes
      const prototype = type.prototype as SubscriptionHandler
      const handle = async (...call: [RecordedEvent, never]) =>
        ((await instance()) as Required<SubscriptionHandler>).handle(...call)
      const handleBatch = async (...call: [readonly RecordedEvent[], never]) =>
        ((await instance()) as Required<SubscriptionHandler>).handleBatch(...call)
      const isBatch = typeof prototype.handleBatch === 'function'
      if (isBatch === (typeof prototype.handle === 'function'))
        throw new EventsourcedSetUpError(
          `${source} has @Subscribes, so it needs a method \`handle\` or a method \`handleBatch\`, and not both`,
        )
      definitions.push({
        store,
        source,
        options: { ...options, ...(isBatch ? { handleBatch } : { handle }) },
      })
    }
    if (projects !== undefined) {
      const { store = defaultStore, name, version, events, streamPrefix, ...run } = projects
      const raw = projection({
        ...{ name, version, events, streamPrefix },
        handle: async (batch: readonly RecordedEvent[], tx) =>
          ((await instance()) as ProjectionHandler).handle(batch, tx),
      })
      definitions.push({ store, source, options: { ...run, projection: raw } })
    }
    return definitions
  })
}

/** Returns the class of a provider, also of one that a factory makes. */
export function classOf({ instance, metatype }: Wrapper): (abstract new () => object) | undefined {
  const type = instance?.constructor ?? metatype
  return typeof type === 'function' ? type : undefined
}

/** Returns a text that names a provider and its module in errors. */
export function sourceOf(wrapper: Wrapper): string {
  return `${classOf(wrapper)?.name ?? String(wrapper.name)} (in ${wrapper.host?.name ?? 'a module'})`
}

/**
 * Returns a function that returns the provider for one call of its handler: the one instance, or a new instance for each
 * call if it is request-scoped or transient.
 */
export function instanceOf(wrapper: Wrapper, moduleRef: ModuleRef): () => object | Promise<object> {
  if (wrapper.isDependencyTreeStatic() && !wrapper.isTransient) return () => wrapper.instance
  return () => moduleRef.resolve(wrapper.token, ContextIdFactory.create(), { strict: false })
}
