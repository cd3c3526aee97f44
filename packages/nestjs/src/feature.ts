/** What `EventsourcedModule.forFeature` registers. */
import type { DocumentProjection, Projection } from '@eventsourced/core'
import type { DynamicModule, ModuleMetadata, Provider, Type } from '@nestjs/common'
import { DiscoveryModule, DiscoveryService } from '@nestjs/core'
import { type Definition, DefinitionSource } from './definition.ts'
import { storeName } from './module-options.ts'
import { instancesOf } from './runner.ts'
import { EventsourcedSetUpError } from './set-up-error.ts'
import { defaultStore, StoreHost } from './store.ts'
import {
  type AnySubscribeOptions,
  type ProjectionRunOptions,
  projectsOptionsOf,
  subscribesOptionsOf,
} from './subscribes.ts'
import { getViewToken, type ViewSource, viewProvider } from './view.ts'

/** An async projection with options of its own. */
export interface ProjectionFeature extends ProjectionRunOptions {
  readonly projection: Projection
}

/** The options of `EventsourcedModule.forFeature`. */
export interface EventsourcedFeatureOptions {
  /** The name of the store. @default the store that was registered without a name */
  readonly store?: string | undefined
  /** Async projections, which this process runs: `projection(…)`, such a one with options, or classes with `@Projects`. */
  readonly projections?: readonly (Projection | ProjectionFeature | Type)[] | undefined
  /** Subscriptions, which this process runs: options as for `store.subscribe`, or classes with `@Subscribes`. */
  readonly subscriptions?: readonly (AnySubscribeOptions | Type)[] | undefined
  /** Inline projections and collections whose views classes inject. Views of `projections` need no entry. */
  readonly views?: readonly ViewSource[] | undefined
  /** Modules with the providers that the classes need; also the module of a store that is not global. @default none */
  readonly imports?: ModuleMetadata['imports'] | undefined
}

/** The module that `EventsourcedModule.forFeature` returns. */
class EventsourcedFeatureModule {}

/** Brings the definitions of one call of `forFeature`. */
class Feature extends DefinitionSource {
  readonly #store: string
  readonly #definitions: readonly Definition[]
  readonly #discovery: DiscoveryService

  constructor(store: string, definitions: readonly Definition[], discovery: DiscoveryService) {
    super()
    this.#store = store
    this.#definitions = definitions
    this.#discovery = discovery
  }

  // Without any store there is no runner that could check this.
  onModuleInit(): void {
    if (instancesOf(this.#discovery, StoreHost).some(({ name }) => name === this.#store)) return
    throw new EventsourcedSetUpError(
      `EventsourcedModule.forFeature needs the store '${this.#store}', which is not registered. Register it with EventsourcedModule.forRoot or forRootAsync, once, in the root module`,
    )
  }

  definitions(): readonly Definition[] {
    return this.#definitions
  }
}

/** Makes the module of one call of `forFeature`. */
export function featureModule(feature: EventsourcedFeatureOptions): DynamicModule {
  const { projections = [], subscriptions = [], views = [], imports = [] } = feature
  const store = storeName(feature.store)
  const source = 'EventsourcedModule.forFeature'
  const classes = [...projections, ...subscriptions].filter((one) => typeof one === 'function')
  for (const type of projections) checkDecorated(type, projectsOptionsOf, '@Projects', 'projections', store)
  for (const type of subscriptions)
    checkDecorated(type, subscribesOptionsOf, '@Subscribes', 'subscriptions', store)
  const values = projections.filter((one) => typeof one !== 'function')
  const running = values.map((one) => ('projection' in one ? one : { projection: one }))
  const definitions: Definition[] = [
    ...running.map((options) => ({ store, source, options })),
    ...subscriptions
      .filter((one) => typeof one !== 'function')
      .map((options) => ({ store, source, options })),
  ]
  const documents = running
    .map((one) => one.projection as Projection)
    .filter((one): one is DocumentProjection => one.kind === 'documents')
  const viewProviders = [...documents, ...views].map((one) => viewProvider(one, store))
  const provider: Provider = {
    provide: Feature,
    inject: [DiscoveryService],
    useFactory: (discovery: DiscoveryService) => new Feature(store, definitions, discovery),
  }
  return {
    module: EventsourcedFeatureModule,
    imports: [DiscoveryModule, ...imports],
    providers: [provider, ...viewProviders, ...classes],
    exports: [...[...documents, ...views].map((one) => getViewToken(one, store)), ...classes],
  }
}

function checkDecorated(
  one: unknown,
  optionsOf: (type: object) => { readonly store?: string | undefined } | undefined,
  decorator: string,
  list: string,
  store: string,
): void {
  if (typeof one === 'object' && one !== null) return
  if (typeof one !== 'function')
    throw new EventsourcedSetUpError(
      `\`${list}\` of EventsourcedModule.forFeature has an entry that is ${one}. Is its file part of an import cycle?`,
    )
  const options = optionsOf(one)
  if (options === undefined)
    throw new EventsourcedSetUpError(
      `${one.name} is in \`${list}\` of EventsourcedModule.forFeature, but has no ${decorator}. Add the decorator to the class`,
    )
  const { store: own = defaultStore } = options
  if (own !== store)
    throw new EventsourcedSetUpError(
      `${one.name} is in EventsourcedModule.forFeature of the store '${store}', but its ${decorator} names the store '${own}'. Write the same store in both`,
    )
}
