// Requires every subpath of the published package from CommonJS, and fails if one of them exports nothing.
const subpaths = JSON.parse(process.argv[2])
for (const path of subpaths) {
  const names = Object.keys(require(`@eventsourced/core${path.slice(1)}`))
  if (names.length === 0) throw new Error(`${path} exports nothing`)
  console.log(`package: require ${path}: ${names.length} names`)
}
