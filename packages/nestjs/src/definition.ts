/** What a subscription runner starts. */
import type { AnySubscribeOptions } from './subscribes.ts'

/** A subscription or an async projection that runs while the application does. */
export interface Definition {
  /** The name of the store that it follows. */
  readonly store: string
  /** Where it was defined, for errors: a class, or a call of `forFeature`. */
  readonly source: string
  readonly options: AnySubscribeOptions
  /** Whether it stops in `onModuleDestroy`, because its handler needs a provider that ends there. */
  readonly stopsFirst?: boolean | undefined
}

/** A provider that brings definitions. The runners find it by its class. */
export abstract class DefinitionSource {
  abstract definitions(): readonly Definition[]
}

/** Returns the name of a subscription, which is that of the projection if there is one. */
export function nameOf({ options }: Definition): string {
  return 'projection' in options ? options.projection.name : options.name
}
