# Vitis HLS's and Vivado's commands, as far as weft's scripts use them: each checks its arguments and the state it needs,
# keeps a model of the block design, and fails as the tool would. Names of pins and options are those of the manuals
# (UG1399, UG835, PG021, PG082, PG164, PG201, PG247).

proc fail {what} { error "STUB: $what" }

# options: a flag alone, or {-name value}. Returns the positional arguments; `given` gets the options.
proc options {words allowed {flags {}} {given_name given}} {
    upvar 1 $given_name given
    set given [dict create]
    set rest {}
    while {[llength $words]} {
        set words [lassign $words word]
        if {[string match -* $word] && ![string is double -strict $word]} {
            if {$word in $flags} {
                dict set given $word 1
            } elseif {$word in $allowed} {
                if {![llength $words]} { fail "option $word has no value" }
                set words [lassign $words value]
                dict set given $word $value
            } else {
                fail "unknown option $word"
            }
        } else {
            lappend rest $word
        }
    }
    return $rest
}
proc need {given args} {
    foreach name $args {
        if {![dict exists $given $name]} { fail "option $name is missing" }
    }
}
proc count {words number} {
    if {[llength $words] != $number} { fail "[llength $words] arguments instead of $number: $words" }
}

set done {}
proc mark {step} { lappend ::done $step }
proc after {step args} {
    foreach earlier $args {
        if {$earlier ni $::done} { fail "$step before $earlier" }
    }
}

rename exit real_exit
proc exit {{code 0}} {
    if {$code == 0} { puts "DONE $::done" }
    real_exit $code
}

# ---------------------------------------------------------------- Vitis HLS

proc open_project {args} {
    count [options $args {} {-reset}] 1
    mark project
}
proc set_top {name} {
    after set_top project
    mark top:$name
}
proc add_files {args} {
    after add_files project
    set files [options $args {-cflags} {-tb}]
    count $files 1
    if {![file isfile [lindex $files 0]]} { fail "no file [lindex $files 0]" }
    mark file:[lindex $files 0]
}
proc open_solution {args} {
    after open_solution project
    count [options $args {-flow_target} {-reset}] 1
    if {[dict get $given -flow_target] ne "vivado"} { fail "flow target" }
    mark solution
}
proc set_part {part} {
    after set_part solution
    mark part:$part
}
proc create_clock {args} {
    after create_clock solution
    count [options $args {-period -name}] 0
    if {[dict get $given -period] <= 0} { fail "clock period" }
    mark clock
}
proc set_clock_uncertainty {margin clock} {
    after set_clock_uncertainty clock
    if {![regexp {^[0-9.]+%?$} $margin] || $clock ne "default"} { fail "clock uncertainty $margin of $clock" }
}
proc config_schedule {args} {
    after config_schedule solution
    if {$args ne "-enable_dsp_full_reg=false"} { fail "config_schedule $args" }
}
proc config_compile {args} {
    after config_compile solution
    count [options $args {-name_max_length}] 0
}
set prefix {}
proc config_rtl {args} {
    after config_rtl solution
    count [options $args {-module_prefix}] 0
    need $given -module_prefix
    set ::prefix [dict get $given -module_prefix]
}
proc csynth_design {} {
    after csynth_design solution clock top:weft_top file:weft_top.cpp
    file mkdir weft_hls/solution1/syn/report
    set report [open weft_hls/solution1/syn/report/csynth.xml w]
    puts -nonewline $report $::done
    close $report
    mark synthesis
}
proc export_design {args} {
    after export_design synthesis
    count [options $args {-format -vendor -library -ipname -version}] 0
    need $given -format -vendor -library -ipname -version
    if {[dict get $given -format] ne "ip_catalog"} { fail "format" }
    set ::vlnv [join [list [dict get $given -vendor] [dict get $given -library] [dict get $given -ipname]] :]
    mark exported:$::vlnv
    file mkdir weft_hls/solution1/impl/ip
    set ip [open weft_hls/solution1/impl/ip/$::vlnv w]
    puts -nonewline $ip $::prefix
    close $ip
}

# ---------------------------------------------------------------- Vivado: project

proc set_param {name value} {
    if {$name ne "general.maxThreads" || $value < 1 || $value > 32} { fail "set_param $name $value" }
}
proc create_project {args} {
    set words [options $args {-part} {-force}]
    count $words 2
    need $given -part
    lassign $words ::project ::folder
    mark project
}
proc current_project {} { after current_project project; return project:$::project }
proc current_fileset {} { after current_fileset project; return fileset:sources_1 }
set repository {}
set catalogue {}
proc update_ip_catalog {} {
    after update_ip_catalog repository
    set prefixes {}
    foreach path $::repository {
        set ip [open $path]
        set prefix [read $ip]
        close $ip
        if {[file tail $path] in $::catalogue || $prefix in $prefixes} { fail "two IPs share names: [file tail $path]" }
        lappend ::catalogue [file tail $path]
        lappend prefixes $prefix
    }
    mark catalogue
}
proc update_compile_order {args} { count [options $args {-fileset}] 0 }
proc set_property {args} {
    set words [options $args {-dict}]
    if {[dict exists $given -dict]} {
        count $words 1
        set pairs [dict get $given -dict]
    } else {
        count $words 3
        set pairs [lrange $words 0 1]
    }
    set object [lindex $words end]
    foreach {name value} $pairs { set_one $object $name $value }
}
proc set_one {object name value} {
    lassign [split $object :] kind instance
    switch -- "$kind $name" {
        "project ip_repo_paths" {
            foreach folder $value {
                if {![file isdirectory $folder]} { fail "no folder $folder" }
                foreach ip [glob -nocomplain $folder/weft:*] { lappend ::repository $ip }
            }
            mark repository
        }
        "fileset top" {
            after top wrapper
            if {$value ne "$::design\_wrapper"} { fail "top $value" }
            mark top
        }
        default {
            if {$kind ne "cell" || ![regexp {^CONFIG\.(\w+)$} $name - parameter]} { fail "set $name of $object" }
            if {$parameter ni [parameters [dict get $::cells $instance]]} { fail "no parameter $parameter of $instance" }
            if {$parameter in {NUM_SI NUM_MI} && !($value >= 1 && $value <= 16)} { fail "$parameter $value" }
            dict set ::config $instance $parameter $value
        }
    }
}

# ---------------------------------------------------------------- Vivado: block design

set cells [dict create]
set config [dict create]
set links [dict create]
set nets [dict create]
set ports 0
set addresses [dict create]

proc value {cell parameter default} {
    if {[dict exists $::config $cell $parameter]} { return [dict get $::config $cell $parameter] }
    return $default
}
proc parameters {kind} {
    switch -- $kind {
        processing_system7 {
            return {PCW_FPGA0_PERIPHERAL_FREQMHZ PCW_USE_M_AXI_GP0 PCW_USE_S_AXI_HP0 PCW_S_AXI_HP0_DATA_WIDTH}
        }
        zynq_ultra_ps_e {
            return {PSU__FPGA_PL0_ENABLE PSU__CRL_APB__PL0_REF_CTRL__FREQMHZ PSU__USE__M_AXI_GP0 PSU__USE__M_AXI_GP1
                PSU__USE__M_AXI_GP2 PSU__USE__S_AXI_GP2 PSU__SAXIGP2__DATA_WIDTH}
        }
        smartconnect { return {NUM_SI NUM_MI} }
        axi_dma {
            return {c_include_sg c_sg_include_stscntrl_strm c_sg_length_width c_addr_width c_include_mm2s c_include_s2mm
                c_m_axi_mm2s_data_width c_m_axis_mm2s_tdata_width c_m_axi_s2mm_data_width}
        }
    }
    return {}
}
# interfaces: name, direction, protocol, width.   pins: name, direction, kind
proc interfaces {cell} {
    set found {}
    switch -- [dict get $::cells $cell] {
        processing_system7 {
            if {[value $cell PCW_USE_M_AXI_GP0 0]} { lappend found {M_AXI_GP0 out axi 32} }
            if {[value $cell PCW_USE_S_AXI_HP0 0]} { lappend found {S_AXI_HP0 in axi 64} }
        }
        zynq_ultra_ps_e {
            if {[value $cell PSU__USE__M_AXI_GP0 1]} { lappend found {M_AXI_HPM0_FPD out axi 128} }
            if {[value $cell PSU__USE__M_AXI_GP1 1]} { lappend found {M_AXI_HPM1_FPD out axi 128} }
            if {[value $cell PSU__USE__M_AXI_GP2 0]} { lappend found {M_AXI_HPM0_LPD out axi 32} }
            if {[value $cell PSU__USE__S_AXI_GP2 0]} { lappend found {S_AXI_HP0_FPD in axi 128} }
        }
        smartconnect {
            for {set i 0} {$i < [value $cell NUM_SI 1]} {incr i} { lappend found [list [format S%02d_AXI $i] in axi 0] }
            for {set i 0} {$i < [value $cell NUM_MI 1]} {incr i} { lappend found [list [format M%02d_AXI $i] out axi 0] }
        }
        axi_dma {
            lappend found {S_AXI_LITE in axi 32}
            if {[value $cell c_include_mm2s 1]} {
                lappend found {M_AXI_MM2S out axi 0}
                lappend found [list M_AXIS_MM2S out stream [value $cell c_m_axis_mm2s_tdata_width 32]]
            }
            if {[value $cell c_include_s2mm 1]} {
                lappend found {M_AXI_S2MM out axi 0}
                lappend found {S_AXIS_S2MM in stream 0}
            }
            if {[value $cell c_include_sg 1]} { lappend found {M_AXI_SG out axi 32} }
        }
        weft_top - weft_top_1 - weft_top_2 {
            lappend found {s_axi_control in axi 32}
            lassign [dict get $::streams [dict get $::cells $cell]] inputs outputs
            foreach {name width} $inputs { lappend found [list $name in stream $width] }
            foreach {name width} $outputs { lappend found [list $name out stream $width] }
        }
    }
    return $found
}
proc pins {cell} {
    switch -- [dict get $::cells $cell] {
        processing_system7 {
            set found {FCLK_CLK0 out clock FCLK_RESET0_N out reset}
            if {[value $cell PCW_USE_M_AXI_GP0 0]} { lappend found M_AXI_GP0_ACLK in clock }
            if {[value $cell PCW_USE_S_AXI_HP0 0]} { lappend found S_AXI_HP0_ACLK in clock }
        }
        zynq_ultra_ps_e {
            set found {}
            if {[value $cell PSU__FPGA_PL0_ENABLE 1]} { lappend found pl_clk0 out clock pl_resetn0 out reset }
            if {[value $cell PSU__USE__M_AXI_GP0 1]} { lappend found maxihpm0_fpd_aclk in clock }
            if {[value $cell PSU__USE__M_AXI_GP1 1]} { lappend found maxihpm1_fpd_aclk in clock }
            if {[value $cell PSU__USE__S_AXI_GP2 0]} { lappend found saxihp0_fpd_aclk in clock }
        }
        proc_sys_reset { set found {slowest_sync_clk in clock ext_reset_in in reset peripheral_aresetn out reset} }
        smartconnect { set found {aclk in clock aresetn in reset} }
        weft_top - weft_top_1 - weft_top_2 { set found {ap_clk in clock ap_rst_n in reset} }
        axi_dma {
            set found {s_axi_lite_aclk in clock axi_resetn in reset}
            if {[value $cell c_include_mm2s 1]} { lappend found m_axi_mm2s_aclk in clock }
            if {[value $cell c_include_s2mm 1]} { lappend found m_axi_s2mm_aclk in clock }
            if {[value $cell c_include_sg 1]} { lappend found m_axi_sg_aclk in clock }
        }
    }
    return $found
}
proc interface {path} {
    lassign [split $path /] cell name
    foreach one [interfaces $cell] {
        if {[lindex $one 0] eq $name} { return $one }
    }
    fail "no interface $path"
}
proc pin {path} {
    lassign [split $path /] cell name
    foreach {one direction kind} [pins $cell] {
        if {$one eq $name} { return [list $direction $kind] }
    }
    fail "no pin $path"
}

proc create_bd_design {name} {
    after create_bd_design project catalogue
    set ::design $name
    mark design
}
proc create_bd_cell {args} {
    after create_bd_cell design
    set words [options $args {-type -vlnv}]
    count $words 1
    set name [lindex $words 0]
    set parts [split [dict get $given -vlnv] :]
    if {[join [lrange $parts 0 2] :] ni [list \
        xilinx.com:ip:processing_system7 xilinx.com:ip:zynq_ultra_ps_e xilinx.com:ip:proc_sys_reset \
        xilinx.com:ip:smartconnect xilinx.com:ip:axi_dma {*}$::catalogue \
    ]} { fail "no IP [dict get $given -vlnv]" }
    if {[dict exists $::cells $name]} { fail "cell $name is there already" }
    dict set ::cells $name [lindex $parts 2]
    return cell:$name
}
proc get_bd_cells {name} {
    if {![dict exists $::cells $name]} { fail "no cell $name" }
    return cell:$name
}
proc get_bd_intf_pins {path} { interface $path; return interface:$path }
proc get_bd_pins {path} { pin $path; return pin:$path }
proc apply_bd_automation {args} {
    set words [options $args {-rule -config}]
    count $words 1
    if {[dict get $given -rule] ne "xilinx.com:bd_rule:processing_system7"} { fail "rule" }
    if {[dict get [dict get $given -config] make_external] ne "FIXED_IO, DDR"} { fail "external ports" }
    set ::ports 1
}
proc connect_bd_intf_net {from to} {
    lassign [lmap object [list $from $to] { string map {interface: ""} $object }] from to
    lassign [interface $from] - from_direction from_protocol from_width
    lassign [interface $to] - to_direction to_protocol to_width
    if {"$from_direction $to_direction" ne "out in"} { fail "$from to $to: not from a master to a slave" }
    if {$from_protocol ne $to_protocol} { fail "$from is $from_protocol, $to is $to_protocol" }
    if {$from_protocol eq "stream" && $from_width && $to_width && $from_width != $to_width} {
        fail "$from has $from_width bits, $to has $to_width"
    }
    foreach path [list $from $to] {
        if {[dict exists $::links $path]} { fail "$path is connected twice" }
    }
    dict set ::links $from $to
    dict set ::links $to $from
}
proc connect_bd_net {from to} {
    lassign [lmap object [list $from $to] { string map {pin: ""} $object }] from to
    lassign [pin $from] from_direction from_kind
    lassign [pin $to] to_direction to_kind
    if {"$from_direction $to_direction" ne "out in" || $from_kind ne $to_kind} { fail "net from $from to $to" }
    if {[dict exists $::nets $to]} { fail "$to is driven twice" }
    dict set ::nets $to $from
}
proc get_bd_addr_spaces {path} {
    lassign [split $path /] cell name
    if {[dict get $::cells $cell] ni {processing_system7 zynq_ultra_ps_e} || $name ne "Data"} { fail "space $path" }
    return space:$path
}
proc get_bd_addr_segs {path} {
    lassign [split $path /] cell name register
    interface $cell/$name
    if {$register ne "Reg"} { fail "segment $path" }
    return segment:$path
}
proc assign_bd_address {args} {
    if {![llength $args]} { mark memory_assigned; return }
    set words [options $args {-offset -range -target_address_space}]
    count $words 1
    need $given -offset -range -target_address_space
    set segment [string map {segment: ""} [lindex $words 0]]
    if {[dict get $given -range] ne "64K"} { fail "range" }
    set offset [expr {[dict get $given -offset]}]
    set windows {processing_system7 {0x40000000 0x7FFFFFFF} zynq_ultra_ps_e {0xA0000000 0xAFFFFFFF}}
    set ps [lindex [split [string map {space: ""} [dict get $given -target_address_space]] /] 0]
    lassign [dict get $windows [dict get $::cells $ps]] low high
    if {$offset < $low || $offset + 65535 > $high || $offset % 65536} { fail "address [dict get $given -offset]" }
    dict for {other taken} $::addresses {
        if {$taken == $offset} { fail "$segment and $other have one address" }
    }
    dict set ::addresses $segment $offset
}
proc validate_bd_design {} {
    after validate_bd_design memory_assigned
    dict for {cell kind} $::cells {
        foreach one [interfaces $cell] {
            if {![dict exists $::links $cell/[lindex $one 0]]} { fail "$cell/[lindex $one 0] is not connected" }
            if {[lindex $one 0] in {s_axi_control S_AXI_LITE} && ![dict exists $::addresses $cell/[lindex $one 0]/Reg]} {
                fail "$cell has no address"
            }
        }
        foreach {name direction -} [pins $cell] {
            if {$direction eq "in" && ![dict exists $::nets $cell/$name]} { fail "$cell/$name is not connected" }
        }
        if {$kind eq "processing_system7" && !$::ports} { fail "DDR and FIXED_IO lead nowhere" }
        if {$kind eq "axi_dma" && [value $cell c_sg_length_width 14] != 26} { fail "length register of $cell" }
    }
    mark valid
}
proc save_bd_design {} { after save_bd_design valid; mark saved }

# ---------------------------------------------------------------- Vivado: implementation

proc get_files {name} {
    after get_files saved
    if {$name ne "$::design.bd"} { fail "no file $name" }
    return file:$name
}
proc make_wrapper {args} {
    count [options $args {-files} {-top -import}] 0
    need $given -files -top -import
    mark wrapper
}
proc get_runs {name} {
    if {$name ne "impl_1"} { fail "no run $name" }
    return run:$name
}
proc launch_runs {args} {
    after launch_runs valid top
    set words [options $args {-to_step -jobs}]
    if {$words ne "impl_1" || [dict get $given -to_step] ne "write_bitstream"} { fail "launch_runs $args" }
    mark launched
}
proc wait_on_run {name} {
    after wait_on_run launched
    if {$::progress eq "100%"} {
        file mkdir $::folder/$::project.runs/impl_1 $::folder/$::project.gen/sources_1/bd/$::design/hw_handoff
        file copy $::given/given.bit $::folder/$::project.runs/impl_1/$::design\_wrapper.bit
        file copy $::given/given.hwh $::folder/$::project.gen/sources_1/bd/$::design/hw_handoff/$::design.hwh
    }
    mark implemented
}
proc get_property {name object} {
    after get_property implemented
    switch -- $name {
        PROGRESS { return $::progress }
        STATUS { return "place_design ERROR" }
        STATS.WNS { after slack opened; return $::slack }
        default { fail "no property $name of $object" }
    }
}
proc open_run {name} { after open_run implemented; mark opened }
foreach report {report_utilization report_timing_summary report_power} {
    proc $report {args} {
        after report opened
        count [options $args {-file}] 0
        close [open [dict get $given -file] w]
    }
}
