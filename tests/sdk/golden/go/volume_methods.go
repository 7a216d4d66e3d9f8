// Made by graft (`graft sdk generate`) from the API 3a8b46cf8c18c4da.
// Changes to it are lost when it is made again.

package graftclient

import (
	"context"
	"fmt"
	"time"
)

// VolumeMethods: Volumes of disks.
//
// A second paragraph, with a "quotation", a \ backslash, a */ and <tags> & a long line that has to be
// filled to the width of the documentation.
type VolumeMethods struct {
	connection *connection
}

// VolumeResizeOptions are the parameters of VolumeMethods.Resize that may be left out: those that are nil.
type VolumeResizeOptions struct {
	// Do it even if somebody uses it.
	//
	// Default: false.
	Force *bool

	// It has a default. Since 1.2.
	Passphrase **string

	// A name that clients use themselves.
	//
	// Default: 30.
	Timeout *int64
}

// Format writes the parameters without their secrets.
func (o VolumeResizeOptions) Format(state fmt.State, verb rune) {
	type shown VolumeResizeOptions
	o.Passphrase = nil
	fmt.Fprintf(state, fmt.FormatString(state, verb), shown(o))
}

func callVolumeResize(volume VolumeRef, disks []Disk, options *VolumeResizeOptions) *call {
	made := call{method: "Volume.resize", repeatable: true}
	put(&made.members, "volume", text[VolumeRef](), volume)
	put(&made.members, "disks", setOf(codecDisk()), disks)
	if options != nil {
		putPointer(&made.members, "force", boolean(), options.Force)
		putPointer(&made.members, "passphrase", optionOf(text[string]()), options.Passphrase)
		putPointer(&made.members, "timeout", integer(), options.Timeout)
	}
	return &made
}

// Resize: Grow or shrink a volume.
//
// Shrinking needs a volume that nothing uses:
//
//   - no guest,
//   - no snapshot.
//
// Needs the role pool-operator or one above it. Since 1.0. Calling it twice is as good as once.
//
// Parameters:
//   - volume: The volume.
//   - disks: The disks as they shall be.
//
// What may be left out is in options, which may be nil: Force, Passphrase, Timeout.
//
// Result: What became of it.
//
// Errors:
//   - ​*VolumeInUseError: Some guest has it open.
//   - ​*HandleInvalidError: There is no such volume.
func (c VolumeMethods) Resize(ctx context.Context, volume VolumeRef, disks []Disk, options *VolumeResizeOptions) (ResizeState, error) {
	return invoke(ctx, c.connection, callVolumeResize(volume, disks, options), text[ResizeState]())
}

// StartResize2 starts Resize as a task, and does not wait for it.
func (c VolumeMethods) StartResize2(ctx context.Context, volume VolumeRef, disks []Disk, options *VolumeResizeOptions) (*Task[ResizeState], error) {
	return start(ctx, c.connection, callVolumeResize(volume, disks, options), text[ResizeState]())
}

func callVolumeGetVMs(self VolumeRef) *call {
	made := call{method: "Volume.get_VMs"}
	put(&made.members, "self", text[VolumeRef](), self)
	return &made
}

// GetVMs: Calls Volume.get_VMs.
//
// Needs the role read-only or one above it.
func (c VolumeMethods) GetVMs(ctx context.Context, self VolumeRef) (map[VMRef][]Disk, error) {
	return invoke(ctx, c.connection, callVolumeGetVMs(self), mapOf(textKey[VMRef](), setOf(codecDisk())))
}

// StartGetVMs starts GetVMs as a task, and does not wait for it.
func (c VolumeMethods) StartGetVMs(ctx context.Context, self VolumeRef) (*Task[map[VMRef][]Disk], error) {
	return start(ctx, c.connection, callVolumeGetVMs(self), mapOf(textKey[VMRef](), setOf(codecDisk())))
}

func callVolumeGetVMs2() *call {
	made := call{method: "Volume.getVMs"}
	return &made
}

// GetVMs2: Is called as another one in some languages.
//
// Needs the role read-only or one above it.
func (c VolumeMethods) GetVMs2(ctx context.Context) ([]VMRef, error) {
	return invoke(ctx, c.connection, callVolumeGetVMs2(), setOf(text[VMRef]()))
}

// StartGetVMs2 starts GetVMs2 as a task, and does not wait for it.
func (c VolumeMethods) StartGetVMs2(ctx context.Context) (*Task[[]VMRef], error) {
	return start(ctx, c.connection, callVolumeGetVMs2(), setOf(text[VMRef]()))
}

func callVolumeGetRecord(self VolumeRef) *call {
	made := call{method: "Volume.get_record"}
	put(&made.members, "self", text[VolumeRef](), self)
	return &made
}

// GetRecord: Calls Volume.get_record.
//
// Needs the role read-only or one above it.
func (c VolumeMethods) GetRecord(ctx context.Context, self VolumeRef) (VolumeRecord, error) {
	return invoke(ctx, c.connection, callVolumeGetRecord(self), codecVolumeRecord())
}

// StartGetRecord starts GetRecord as a task, and does not wait for it.
func (c VolumeMethods) StartGetRecord(ctx context.Context, self VolumeRef) (*Task[VolumeRecord], error) {
	return start(ctx, c.connection, callVolumeGetRecord(self), codecVolumeRecord())
}

// VolumeDeleteOptions are the parameters of VolumeMethods.Delete that may be left out: those that are nil.
type VolumeDeleteOptions struct {
	// It may be left out.
	From *string
}

func callVolumeDelete(class string, options *VolumeDeleteOptions) *call {
	made := call{method: "Volume.delete"}
	put(&made.members, "class", text[string](), class)
	if options != nil {
		putPointer(&made.members, "from", text[string](), options.From)
	}
	return &made
}

// Delete: A reserved word.
//
// Needs the role pool-admin or one above it.
//
// What may be left out is in options, which may be nil: From.
func (c VolumeMethods) Delete(ctx context.Context, class string, options *VolumeDeleteOptions) error {
	_, err := invoke(ctx, c.connection, callVolumeDelete(class, options), void())
	return err
}

// StartDelete starts Delete as a task, and does not wait for it.
func (c VolumeMethods) StartDelete(ctx context.Context, class string, options *VolumeDeleteOptions) (*Task[Void], error) {
	return start(ctx, c.connection, callVolumeDelete(class, options), void())
}

func callVolumeStartResize() *call {
	made := call{method: "Volume.start_resize"}
	return &made
}

// StartResize: Is called as the task of another one.
//
// Needs the role pool-admin or one above it.
func (c VolumeMethods) StartResize(ctx context.Context) error {
	_, err := invoke(ctx, c.connection, callVolumeStartResize(), void())
	return err
}

// StartStartResize starts StartResize as a task, and does not wait for it.
func (c VolumeMethods) StartStartResize(ctx context.Context) (*Task[Void], error) {
	return start(ctx, c.connection, callVolumeStartResize(), void())
}

func callVolumeOld() *call {
	made := call{method: "Volume.old"}
	return &made
}

// Old: Do it as of old.
//
// Needs the role pool-admin or one above it. Since 1.0.
//
// Deprecated: since 1.1: Use `Volume.resize`.
func (c VolumeMethods) Old(ctx context.Context) error {
	_, err := invoke(ctx, c.connection, callVolumeOld(), void())
	return err
}

// StartOld starts Old as a task, and does not wait for it.
//
// Deprecated: since 1.1: Use `Volume.resize`.
func (c VolumeMethods) StartOld(ctx context.Context) (*Task[Void], error) {
	return start(ctx, c.connection, callVolumeOld(), void())
}

// VolumeDraftOptions are the parameters of VolumeMethods.Draft that may be left out: those that are nil.
type VolumeDraftOptions struct {
	// Default: [].
	Twice []*int64

	// Default: [].
	When **[]time.Time
}

func callVolumeDraft(everything any, options *VolumeDraftOptions) *call {
	made := call{method: "Volume.draft"}
	put(&made.members, "everything", anything(), everything)
	if options != nil {
		if options.Twice != nil {
			put(&made.members, "twice", boxOf(optionOf(integer())), options.Twice)
		}
		putPointer(&made.members, "when", optionOf(setOf(moment())), options.When)
	}
	return &made
}

// Draft: Calls Volume.draft.
//
// Needs a session, and no role. A prototype since 1.3: it may change without notice.
//
// What may be left out is in options, which may be nil: Twice, When.
//
// Errors:
//   - ​*DraftError: DRAFT_ERROR
func (c VolumeMethods) Draft(ctx context.Context, everything any, options *VolumeDraftOptions) (*map[Colour]*int64, error) {
	return invoke(ctx, c.connection, callVolumeDraft(everything, options), optionOf(mapOf(textKey[Colour](), optionOf(integer()))))
}

// StartDraft starts Draft as a task, and does not wait for it.
func (c VolumeMethods) StartDraft(ctx context.Context, everything any, options *VolumeDraftOptions) (*Task[*map[Colour]*int64], error) {
	return start(ctx, c.connection, callVolumeDraft(everything, options), optionOf(mapOf(textKey[Colour](), optionOf(integer()))))
}
