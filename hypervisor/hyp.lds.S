/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The core's image. It is linked at one virtual address and runs at whatever 2 MiB aligned physical address the
 * boot loader chose: entry.S maps it. Each permission starts on a page of its own, so that W^X can hold; the
 * whole of it fits the one level 3 table that maps it.
 *
 * The file ends where the configuration trailer begins (abi/image.h); .bss lies behind the trailer's room and is
 * not in the file.
 * At the end of the 2 MiB lies the crash record (abi/crash.h), which nothing initialises; what is between belongs to
 * whoever needs memory.
 */
#include "arch/layout.h"

OUTPUT_FORMAT("elf64-littleaarch64")
ENTRY(_start)

PHDRS
{
	text PT_LOAD FLAGS(5);
	rodata PT_LOAD FLAGS(4);
	data PT_LOAD FLAGS(6);
}

SECTIONS
{
	. = LAYOUT_IMAGE_VA;
	_image_start = .;
	.text : {
		*(.head.text)
		*(.text.entry)
		. = ALIGN(2048);
		*(.text.vectors)
		*(.text .text.*)
		. = ALIGN(4096);
	} :text
	_text_end = .;
	.note.gnu.build-id : {
		_build_id = .;
		KEEP(*(.note.gnu.build-id))
		_build_id_end = .;
	} :rodata
	.rodata : {
		*(.rodata .rodata.*)
		. = ALIGN(4096);
		*(.service)
		. = ALIGN(4096);
	} :rodata
	_rodata_end = .;
	.data : {
		*(.data .data.*)
		*(.got .got.plt)
		. = ALIGN(4096);
	} :data
	_trailer = .;
	. = . + LAYOUT_TRAILER_BYTES;
	_trailer_end = .;
	.bss (NOLOAD) : {
		_bss_start = .;
		*(.bss.pages)
		*(.bss .bss.* COMMON)
		. = ALIGN(4096);
		_bss_end = .;
	} :data
	_core_end = .;
	ASSERT(_core_end <= _image_start + LAYOUT_CRASH_OFFSET, "the image reaches over the crash record")
	. = _image_start + LAYOUT_CRASH_OFFSET;
	.crash (NOLOAD) : {
		_crash = .;
		. = . + LAYOUT_CRASH_BYTES;
	} :data
	_image_end = .;
	_image_size = _image_end - _image_start;
	_trailer_offset = _trailer - _image_start;
	ASSERT(_image_size <= 0x200000, "the image must fit one 2 MiB block")
	/DISCARD/ : {
		*(.note .note.* .comment .interp .dynamic .dynsym .dynstr .hash .gnu.hash .eh_frame .eh_frame_hdr)
	}
}
