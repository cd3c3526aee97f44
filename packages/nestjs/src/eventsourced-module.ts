/** The module of NestJS. */
import type { DynamicModule, Provider } from '@nestjs/common'
import { DiscoveryModule, DiscoveryService, ModuleRef } from '@nestjs/core'
import { type EventsourcedFeatureOptions, featureModule } from './feature.ts'
import { EventsourcedHealthIndicator } from './health-indicator.ts'
import {
  type EventsourcedModuleAsyncOptions,
  type EventsourcedModuleOptions,
  openHost,
  type StoreRegistration,
  storeName,
} from './module-options.ts'
import { SubscriptionRunner } from './runner.ts'
import { getStoreHostToken, getStoreToken, type StoreHost } from './store.ts'

/** Holds the providers of a store. Global, unless the options say otherwise. */
class EventsourcedStoreModule {}

/** Registers stores, and runs projections and subscriptions while the application runs. */
// biome-ignore lint/complexity/noStaticOnlyClass: Nest knows modules by their classes
export class EventsourcedModule {
  /**
   * Registers a store, once for each store, in the root module.
   * @throws EventsourcedSetUpError while the application starts, if an option is wrong
   */
  static forRoot(options: EventsourcedModuleOptions): DynamicModule {
    const name = storeName(options?.name)
    return rootModule(options, {
      provide: getStoreHostToken(name),
      useFactory: () => openHost(name, options),
    })
  }

  /** Registers a store whose options depend on other providers, such as a `ConfigService`. */
  static forRootAsync(options: EventsourcedModuleAsyncOptions): DynamicModule {
    const name = storeName(options?.name)
    const { useFactory, inject = [], imports = [] } = options
    return rootModule(
      options,
      {
        provide: getStoreHostToken(name),
        inject,
        useFactory: async (...providers: unknown[]) => openHost(name, await useFactory(...providers)),
      },
      imports,
    )
  }

  /** Registers what follows the log: projections, subscriptions, and the views that classes inject. */
  static forFeature(options: EventsourcedFeatureOptions): DynamicModule {
    return featureModule(options)
  }
}

function rootModule(
  registration: StoreRegistration,
  host: Provider & { readonly provide: string },
  imports: DynamicModule['imports'] = [],
): DynamicModule {
  const { global = true } = registration
  const token = getStoreToken(storeName(registration.name))
  const store: Provider = {
    provide: token,
    inject: [host.provide],
    useFactory: ({ store }: StoreHost) => store,
  }
  const health: Provider = {
    provide: EventsourcedHealthIndicator,
    inject: [DiscoveryService],
    useFactory: (discovery: DiscoveryService) => new EventsourcedHealthIndicator(discovery),
  }
  const storeModule: DynamicModule = {
    module: EventsourcedStoreModule,
    global,
    imports: [DiscoveryModule, ...(imports ?? [])],
    providers: [host, store, health],
    exports: [host.provide, token, EventsourcedHealthIndicator],
  }
  const runner: Provider = {
    provide: SubscriptionRunner,
    inject: [host.provide, DiscoveryService, ModuleRef],
    useFactory: (owner: StoreHost, discovery: DiscoveryService, moduleRef: ModuleRef) =>
      new SubscriptionRunner(owner, discovery, moduleRef),
  }
  return {
    module: EventsourcedModule,
    imports: [storeModule, DiscoveryModule],
    providers: [runner],
    exports: [storeModule],
  }
}
