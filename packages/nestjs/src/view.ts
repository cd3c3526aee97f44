/** Views as providers. */
import type { DocumentProjection, EventStore, View } from '@eventsourced/core'
import { type FactoryProvider, Inject } from '@nestjs/common'
import { EventsourcedSetUpError } from './set-up-error.ts'
import { defaultStore, getStoreToken } from './store.ts'

/** A projection into documents, or the name of a collection that handlers write. */
// biome-ignore lint/suspicious/noExplicitAny: the states and events may have any type
export type ViewSource = DocumentProjection<any, any> | string

/** The type of the view of a projection: `ViewOf<typeof stock>`. */
export type ViewOf<P> = P extends DocumentProjection<infer State, infer _> ? View<State> : View<unknown>

/** Returns the injection token of a view. `store`: the name of its store. */
export function getViewToken(source: ViewSource, store: string = defaultStore): string {
  const name = typeof source === 'string' ? source : source?.name
  if (typeof name === 'string' && name !== '') return `View(${name}) on ${getStoreToken(store)}`
  throw new EventsourcedSetUpError(
    `A view needs a projection or the name of a collection, not ${source}. Is the file that defines it part of an import cycle?`,
  )
}

/**
 * Returns the provider of a view, for `providers` of a module. Classes get it with `@InjectView(projection)`. `store`:
 * the name of the store. `EventsourcedModule.forFeature` provides the views of its projections itself.
 */
export function viewProvider(source: ViewSource, store?: string): FactoryProvider<View<unknown>> {
  return {
    provide: getViewToken(source, store),
    inject: [getStoreToken(store)],
    useFactory: (opened: EventStore) => opened.view(source),
  }
}

/** Injects the view of a projection, or of a collection that handlers write. `store`: the name of its store. */
export function InjectView(source: ViewSource, store?: string): PropertyDecorator & ParameterDecorator {
  return Inject(getViewToken(source, store))
}
