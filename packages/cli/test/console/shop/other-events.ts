/** What else is in the log of the shop: a long stream, one large event, and events that try to attack a page. */
import { type ImportedEvent, uuidOf } from '@eventsourced/core'
import { randomOf } from '../../../../../torture/random.ts'

/** Its data are about 1 MB of JSON. */
export const largeStream = 'catalogue-import'
/** Its event has markup in every part that a page shows. */
export const hostileStream = 'review-<b onmouseover=window.hacked="stream">7</b>'
/** It has `longStreamEvents` events. */
export const longStream = 'stock-lantern-shop'
export const longStreamEvents = 360

const largeBytes = 1_000_000
const minute = 60_000

export function otherEvents(end: Date): ImportedEvent[] {
  return [...longHistory(end), largeEvent(end), ...hostileEvents(end)]
}

function longHistory(end: Date): ImportedEvent[] {
  const random = randomOf(22, 'stock')
  const sku = 'lantern-shop'
  return Array.from({ length: longStreamEvents }, (_, index) => ({
    id: uuidOf('shop', longStream, index),
    streamId: longStream,
    ...(index % 12 === 0
      ? {
          type: 'GoodsReceived',
          data: { sku, quantity: 40, supplier: random.pick(['Brook & Sons', 'Ofen AG']) },
        }
      : { type: 'GoodsSold', data: { sku, quantity: 1 + random.below(4), till: 1 + random.below(3) } }),
    recordedAt: new Date(end.getTime() - (longStreamEvents - index) * 11 * minute),
    metadata: { userId: `till-${1 + (index % 3)}` },
    tags: ['shop:main'],
  }))
}

function largeEvent(end: Date): ImportedEvent {
  const rows = []
  for (let size = 0; size < largeBytes; size += JSON.stringify(rows.at(-1)).length + 1) {
    rows.push({
      sku: `article-${rows.length}`,
      price: 100 + ((rows.length * 37) % 9_000),
      name: 'Ärmelschoner',
    })
  }
  return {
    id: uuidOf('shop', largeStream),
    streamId: largeStream,
    type: 'CatalogueImported',
    data: { rows },
    recordedAt: new Date(end.getTime() - 3_000 * minute),
    metadata: { userId: 'import' },
  }
}

function hostileEvents(end: Date): ImportedEvent[] {
  const texts = [
    '<img src=x onerror="window.hacked = \'data\'">',
    '<script>window.hacked = "script"</script>',
    '"></code><svg onload=window.hacked="svg">',
    'javascript:window.hacked="link"',
  ]
  return texts.map((text, index) => ({
    id: uuidOf('shop', 'review', index),
    streamId: hostileStream,
    type: index === 1 ? text : 'ReviewWritten',
    data: { stars: 1, text, [text]: text, __proto__text: { text } },
    recordedAt: new Date(end.getTime() - (40 - index) * minute),
    metadata: { userId: text, correlationId: text },
    tags: [text],
  }))
}
