/** Pages of a stream whose catalogue reads one stored event as two events, or as none. */
import { defineEvents, type ImportedEvent, payload, uuidv7 } from '@eventsourced/core'
import { streamPage } from '@eventsourced/core/http'
import { expect, it } from 'vitest'
import { onEachStore } from '../each-store.ts'

const nights = defineEvents(
  { Reserved: payload<{ night: string }>(), Released: payload<{ night: string }>() },
  {
    upcasts: {
      Moved: {
        Released: ({ from }: { from: string; to: string }) => ({ night: from }),
        Reserved: ({ to }: { from: string; to: string }) => ({ night: to }),
      },
      Printed: {},
    },
  },
)
const types = ['Reserved', 'Moved', 'Printed', 'Moved', 'Printed', 'Printed', 'Moved']
/** The versions of the events of today: three stored events are two events, and three are none. */
const versions = [1, 2, 2, 4, 4, 7, 7]

onEachStore((_store, withWorld) => {
  it('links every event exactly once, whole splits on one page, in both directions', () =>
    withWorld(async (world) => {
      const store = await world.open({ events: nights })
      const source = types.map(
        (type): ImportedEvent => ({
          id: uuidv7(),
          streamId: 's',
          type,
          data: type === 'Moved' ? { from: 'a', to: 'b' } : { night: 'a' },
        }),
      )
      await store.import(source, { shape: 'stored' })
      for (const direction of ['forward', 'backward']) {
        for (let limit = 1; limit <= types.length + 1; limit++) {
          const found: number[] = []
          let query: string | undefined = `?direction=${direction}&limit=${limit}`
          let pages = 0
          while (query !== undefined) {
            const response: Response = await streamPage(store, new Request(`http://localhost/${query}`), 's')
            const { events, version } = (await response.json()) as {
              events: { version: number }[]
              version: number
            }
            expect(version).toBe(types.length)
            found.push(...events.map((event) => event.version))
            query = /<(.*)>/.exec(response.headers.get('link') ?? '')?.[1]
            expect(++pages).toBeLessThanOrEqual(types.length)
          }
          expect(found).toEqual(direction === 'forward' ? versions : versions.toReversed())
          expect(pages).toBe(Math.ceil(types.length / limit))
        }
      }
    }))
})
