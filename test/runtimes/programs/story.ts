/** A process that runs the story on one kind of store, prints the report, and does not call `process.exit`. */
import { type Kind, openStore } from '../open-store.ts'
import { inlineSeats, story } from '../story.ts'

const [kind, url] = process.argv.slice(2)
const { store, end } = await openStore(kind as Kind, { url, inline: [inlineSeats] })
const report = await story(store)
await end()
console.log(JSON.stringify({ report, doneAt: Date.now() }))
