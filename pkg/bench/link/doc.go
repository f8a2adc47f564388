// Package link computes what frames cost on a radio link: no measuring, arithmetic.
//
// A [Link] is two channels, one each way. What an [Event], such as a command with its signature, takes of them is its
// [Use], in seconds of each part of the link; uses add up, and the largest part is the link's load. [Room] says how
// often something more can happen.
//
// docs/link.md has the model, its sources, and what it leaves out. The package knows nothing of what the frames hold.
package link
