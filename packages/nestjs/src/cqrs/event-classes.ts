/** Which class stands for which stored event type. */
import type { Event, RecordedEvent } from '@eventsourced/core'
import type { Type } from '@nestjs/common'
import { EventsourcedSetUpError } from '../set-up-error.ts'

/** A class of events that says itself how its instances are stored. */
export interface EventMapping<Instance extends object = object> {
  readonly type: Type<Instance>
  /** Returns the data to store, a JSON value. @default the instance's own properties */
  readonly write?: ((event: Instance) => unknown) | undefined
  /** Returns an instance with stored data. @default an instance with the data as its properties, made without its constructor */
  readonly read?: ((data: never, event: RecordedEvent) => Instance) | undefined
}

/** The event classes by their stored types: `{ OrderPlaced, 'order-shipped': OrderShipped }`. */
// biome-ignore lint/suspicious/noExplicitAny: the classes may have any constructor
export type EventClassMap = Readonly<Record<string, Type<any> | EventMapping<any>>>

/** Translates between instances of event classes and stored events. */
export class EventClasses {
  readonly #byType = new Map<string, EventMapping>()
  readonly #byClass = new Map<object, string>()

  constructor(map: EventClassMap) {
    for (const [stored, entry] of Object.entries(map ?? {})) {
      const mapping: EventMapping = typeof entry === 'function' ? { type: entry } : entry
      if (typeof mapping?.type !== 'function')
        throw new EventsourcedSetUpError(
          `\`events\` of EventsourcedCqrsModule has no class for '${stored}'. Is the file that defines it part of an import cycle?`,
        )
      const other = this.#byClass.get(mapping.type)
      if (other !== undefined)
        throw new EventsourcedSetUpError(
          `\`events\` of EventsourcedCqrsModule has ${mapping.type.name} twice, as '${other}' and '${stored}'. One class is stored under one type`,
        )
      this.#byType.set(stored, mapping)
      this.#byClass.set(mapping.type, stored)
    }
  }

  get types(): readonly string[] {
    return [...this.#byType.keys()]
  }

  /** Returns the stored type of an event class. `user`: the class that needs it, for the error. */
  typeOf(eventClass: Type, user: string): string {
    const stored = this.#byClass.get(eventClass)
    if (stored !== undefined) return stored
    throw new EventsourcedSetUpError(
      `${user} uses the event class ${eventClass?.name}, which is not in \`events\` of EventsourcedCqrsModule. Add it there, under the type that it is stored as`,
    )
  }

  /** Returns the event to append for an instance. */
  toStored(event: object, user: string): Event {
    const eventClass = event.constructor as Type
    const type = this.typeOf(eventClass, user)
    const write = this.#byType.get(type)?.write
    // Only properties with text keys: `@nestjs/cqrs` attaches its own under symbols.
    return { type, data: write === undefined ? Object.fromEntries(Object.entries(event)) : write(event) }
  }

  /** Returns an instance for a stored event. */
  fromStored(event: RecordedEvent, user: string): object {
    const mapping = this.#byType.get(event.type)
    if (mapping === undefined)
      throw new EventsourcedSetUpError(
        `${user} reads an event of type '${event.type}' (position ${event.position}), for which \`events\` of EventsourcedCqrsModule has no class. Add one`,
      )
    if (mapping.read !== undefined) return mapping.read(event.data as never, event)
    // Not an assignment: it would call setters of the class, and one to `__proto__` would change what the instance is.
    return Object.create(mapping.type.prototype, Object.getOwnPropertyDescriptors(Object(event.data)))
  }
}
