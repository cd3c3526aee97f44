/** Repositories of aggregates as providers. */
import type { EventStore } from '@eventsourced/core'
import { type FactoryProvider, Inject, type Type } from '@nestjs/common'
import type { IAggregateRoot } from '@nestjs/cqrs'
import { EventsourcedSetUpError } from '../set-up-error.ts'
import { defaultStore, getStoreToken } from '../store.ts'
import { tokenOf } from '../token-of.ts'
import { type AggregateOptions, AggregateRepository } from './aggregate-repository.ts'
import { EventClasses } from './event-classes.ts'

/** The options of `aggregateRepositoryProvider`. */
export interface AggregateRepositoryOptions<A> extends AggregateOptions<A> {
  /** The name of the store that keeps the streams. @default the store that was registered without a name */
  readonly store?: string | undefined
}

/** Returns the injection token of the repository of an aggregate class. `store`: the name of its store. */
export function getAggregateRepositoryToken(type: object, store: string = defaultStore): symbol {
  if (typeof type !== 'function')
    throw new EventsourcedSetUpError(
      `A repository needs a class of aggregates, not ${type}. Is the file that defines it part of an import cycle?`,
    )
  return tokenOf(type, `AggregateRepository<${type.name}> on ${getStoreToken(store)}`)
}

/**
 * Returns the provider of the repository of an aggregate class, for `providers` of a module. Classes get it with
 * `@InjectAggregateRepository(Order)`. It needs the event classes of `EventsourcedCqrsModule.forRoot`.
 */
export function aggregateRepositoryProvider<A extends IAggregateRoot>(
  // biome-ignore lint/suspicious/noExplicitAny: the class may have any constructor
  type: Type<A> | (new (...args: any[]) => A),
  options: AggregateRepositoryOptions<A> = {},
): FactoryProvider<AggregateRepository<A>> {
  const { store: name, create = (id) => new type(id), streamId = (id) => id } = options
  return {
    provide: getAggregateRepositoryToken(type, name),
    inject: [getStoreToken(name), EventClasses],
    useFactory: (store: EventStore, classes: EventClasses) =>
      new AggregateRepository(store, classes, type.name, { create, streamId }),
  }
}

/** Injects the repository of an aggregate class. `store`: the name of its store. */
export function InjectAggregateRepository(
  type: object,
  store?: string,
): PropertyDecorator & ParameterDecorator {
  return Inject(getAggregateRepositoryToken(type, store))
}
