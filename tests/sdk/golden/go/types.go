// Made by graft (`graft sdk generate`) from the API 3a8b46cf8c18c4da.
// Changes to it are lost when it is made again.

package graftclient

import (
	"fmt"
	"time"
)

// ResizeState: What has become of a volume.
type ResizeState string

const (
	// finished.
	ResizeStateDone ResizeState = "done"
	// will finish later.
	ResizeStateQueued   ResizeState = "queued"
	ResizeStateHalfDone ResizeState = "half-done"
	// the same but for the dash.
	ResizeStateHalfDone2 ResizeState = "half_done"
	// begins with a digit.
	ResizeState56 ResizeState = "5.6"
	// a reserved word.
	ResizeStateClass ResizeState = "class"
)

// IsKnown tells whether the value was declared when this package was made; a newer platform may send others.
func (v ResizeState) IsKnown() bool {
	switch v {
	case ResizeStateDone, ResizeStateQueued, ResizeStateHalfDone, ResizeStateHalfDone2, ResizeState56, ResizeStateClass:
		return true
	}
	return false
}

// Colour: The enum colour.
type Colour string

const (
	ColourRed   Colour = "red"
	ColourGreen Colour = "green"
)

// IsKnown tells whether the value was declared when this package was made; a newer platform may send others.
func (v Colour) IsKnown() bool {
	switch v {
	case ColourRed, ColourGreen:
		return true
	}
	return false
}

// VMRef is a reference to an object of the class VM.
type VMRef string

// VolumeRef is a reference to an object of the class Volume.
type VolumeRef string

// VolumeRecord: Volumes of disks.
//
// A second paragraph, with a "quotation", a \ backslash, a */ and <tags> & a long line that has to be
// filled to the width of the documentation.
type VolumeRecord struct {
	// The volume's UUID.
	//
	// Set by the platform.
	UUID string

	// What people call it.
	NameLabel string

	// Set by the platform.
	State ResizeState

	// A word that languages keep for themselves.
	//
	// Left out if nil. Default: plain "text".
	Class *string

	// Set by the platform.
	VMs []VMRef

	Parent *VolumeRef

	Passphrase *string

	// Deprecated: since 1.1: Nobody asks.
	Legacy int64
}

func codecVolumeRecord() codec[VolumeRecord] {
	return codec[VolumeRecord]{
		encode: func(value VolumeRecord) (any, error) {
			var made members
			put(&made, "uuid", text[string](), value.UUID)
			put(&made, "name_label", text[string](), value.NameLabel)
			put(&made, "state", text[ResizeState](), value.State)
			putPointer(&made, "class", text[string](), value.Class)
			put(&made, "VMs", setOf(text[VMRef]()), value.VMs)
			putPointer(&made, "parent", text[VolumeRef](), value.Parent)
			putPointer(&made, "passphrase", text[string](), value.Passphrase)
			put(&made, "legacy", integer(), value.Legacy)
			return made.object()
		},
		decode: func(value any) (VolumeRecord, error) {
			var made VolumeRecord
			read := objectOf(value)
			get(read, "uuid", text[string](), &made.UUID)
			getIf(read, "name_label", text[string](), &made.NameLabel)
			get(read, "state", text[ResizeState](), &made.State)
			getPointer(read, "class", text[string](), &made.Class)
			get(read, "VMs", setOf(text[VMRef]()), &made.VMs)
			getIf(read, "parent", optionOf(text[VolumeRef]()), &made.Parent)
			getIf(read, "passphrase", optionOf(text[string]()), &made.Passphrase)
			getIf(read, "legacy", integer(), &made.Legacy)
			return made, read.err
		},
	}
}

// MarshalJSON writes the record as it travels, secrets included.
func (r VolumeRecord) MarshalJSON() ([]byte, error) {
	return marshal(codecVolumeRecord(), r)
}

// UnmarshalJSON reads the record as it travels.
func (r *VolumeRecord) UnmarshalJSON(data []byte) error {
	return unmarshal(codecVolumeRecord(), data, r)
}

// Format writes the record without its secrets.
func (r VolumeRecord) Format(state fmt.State, verb rune) {
	type shown VolumeRecord
	r.Passphrase = nil
	fmt.Fprintf(state, fmt.FormatString(state, verb), shown(r))
}

// Disk: One disk of a volume.
type Disk struct {
	Label string

	// Such as `xvda`.
	Device string

	// Bytes.
	Size int64

	// Left out if nil. Default: nan.
	Ratio *float64

	// Left out if nil. Default: true.
	Bootable *bool

	// Left out if nil. Default: 2026-01-01T00:00:00.25Z.
	Made *time.Time

	// Left out if nil. Default: green.
	Colour *Colour

	// Left out if nil. Default: ["a", "b"].
	Tags []string

	// Left out if nil. Default: {"1": 0.5}.
	Sizes map[int64]float64

	Parent *Disk

	Children []Disk

	// Left out if nil. Default: [[]].
	Twice []*string

	Other any

	ADash *int64

	ADash2 *int64
}

func codecDisk() codec[Disk] {
	return codec[Disk]{
		encode: func(value Disk) (any, error) {
			var made members
			put(&made, "label", text[string](), value.Label)
			put(&made, "device", text[string](), value.Device)
			put(&made, "size", integer(), value.Size)
			putPointer(&made, "ratio", float(), value.Ratio)
			putPointer(&made, "bootable", boolean(), value.Bootable)
			putPointer(&made, "made", moment(), value.Made)
			putPointer(&made, "colour", text[Colour](), value.Colour)
			if value.Tags != nil {
				put(&made, "tags", setOf(text[string]()), value.Tags)
			}
			if value.Sizes != nil {
				put(&made, "sizes", mapOf(integerKey(), float()), value.Sizes)
			}
			putPointer(&made, "parent", codecDisk(), value.Parent)
			put(&made, "children", setOf(codecDisk()), value.Children)
			if value.Twice != nil {
				put(&made, "twice", boxOf(optionOf(text[string]())), value.Twice)
			}
			if value.Other != nil {
				put(&made, "other", anything(), value.Other)
			}
			putPointer(&made, "a-dash", integer(), value.ADash)
			putPointer(&made, "a_dash", integer(), value.ADash2)
			return made.object()
		},
		decode: func(value any) (Disk, error) {
			var made Disk
			read := objectOf(value)
			getIf(read, "label", text[string](), &made.Label)
			get(read, "device", text[string](), &made.Device)
			get(read, "size", integer(), &made.Size)
			getPointer(read, "ratio", float(), &made.Ratio)
			getPointer(read, "bootable", boolean(), &made.Bootable)
			getPointer(read, "made", moment(), &made.Made)
			getPointer(read, "colour", text[Colour](), &made.Colour)
			getIf(read, "tags", setOf(text[string]()), &made.Tags)
			getIf(read, "sizes", mapOf(integerKey(), float()), &made.Sizes)
			getIf(read, "parent", optionOf(codecDisk()), &made.Parent)
			getIf(read, "children", setOf(codecDisk()), &made.Children)
			getIf(read, "twice", boxOf(optionOf(text[string]())), &made.Twice)
			getIf(read, "other", anything(), &made.Other)
			getIf(read, "a-dash", optionOf(integer()), &made.ADash)
			getIf(read, "a_dash", optionOf(integer()), &made.ADash2)
			return made, read.err
		},
	}
}

// MarshalJSON writes the record as it travels, secrets included.
func (r Disk) MarshalJSON() ([]byte, error) {
	return marshal(codecDisk(), r)
}

// UnmarshalJSON reads the record as it travels.
func (r *Disk) UnmarshalJSON(data []byte) error {
	return unmarshal(codecDisk(), data, r)
}

// DiskRecord: Is called as another one.
type DiskRecord struct {
	X int64
}

func codecDiskRecord() codec[DiskRecord] {
	return codec[DiskRecord]{
		encode: func(value DiskRecord) (any, error) {
			var made members
			put(&made, "x", integer(), value.X)
			return made.object()
		},
		decode: func(value any) (DiskRecord, error) {
			var made DiskRecord
			read := objectOf(value)
			get(read, "x", integer(), &made.X)
			return made, read.err
		},
	}
}

// MarshalJSON writes the record as it travels, secrets included.
func (r DiskRecord) MarshalJSON() ([]byte, error) {
	return marshal(codecDiskRecord(), r)
}

// UnmarshalJSON reads the record as it travels.
func (r *DiskRecord) UnmarshalJSON(data []byte) error {
	return unmarshal(codecDiskRecord(), data, r)
}
