"""The wordings themselves: data, read by `wordings`. Order matters: the last six lines of each."""

from __future__ import annotations

TABLES: dict[str, str] = {
    # ---- text-guided generation (whole sentences, no picture to speak of)
    "text_to_image": """
        =<caption>
        =<caption>
        =<caption>.
        draw <caption>
        paint <caption>
        create <caption>
        make a picture of <caption>
        generate an image of <caption>
        show me <caption>
        =a picture of <caption>
        =an image showing <caption>
        generate <caption>
        produce an image of <caption>
        =a drawing of <caption>
        render <caption>
        =an illustration of <caption>
        come up with a picture of <caption>
        =a scene with <caption>
        illustrate <caption>
    """,
    # ---- low-level visual analysis
    "segment": """
        do segmentation on ~
        segment ~
        make a segmentation map of ~
        give me the segmentation of ~
        show the segmentation mask of ~
        split ~ into its parts by colour
        label every region of ~
        produce the semantic segmentation of ~
        turn ~ into a segmentation map
        colour each class in ~
        compute a segmentation for ~
        find the segments of ~
        generate a semantic map for ~
        perform semantic segmentation on ~
        mark which pixels of ~ belong together
        convert ~ to a label map
    """,
    "depth": """
        produce a depth map for ~
        make a depth map of ~
        show the depth of ~
        estimate the depth of ~
        give me the depth map of ~
        turn ~ into a depth map
        generate depth for ~
        how far away is everything in ~? show the depth
        get the depth of ~
        create the depth picture of ~
        do depth estimation on ~
        compute depth for ~
        convert ~ to its depth
        draw how near or far things in ~ are
        predict a depth map from ~
        render the distances in ~ as a depth image
    """,
    "pose": """
        distinguish the poses of the figures in ~
        show the pose of the person in ~
        extract the pose from ~
        detect the pose in ~
        draw the skeleton of the person in ~
        give me the pose map of ~
        estimate the body pose in ~
        turn ~ into a pose skeleton
        find the posture of the figure in ~
        make a pose picture from ~
        get the human pose of ~
        show the keypoints of ~
        generate the pose for ~
        mark the joints of the figure in ~
        trace the posture in ~ as a stick figure
        produce a body keypoint map of ~
    """,
    "edge": """
        get the edge-enhanced result for ~
        find the edges of ~
        show the edges of ~
        make an edge map of ~
        detect edges in ~
        extract the edges from ~
        turn ~ into an edge map
        give me the canny edges of ~
        edge detection on ~
        compute the edges in ~
        run edge detection on ~
        create an edge picture of ~
        generate edges for ~
        reveal the edges in ~
        convert ~ to edges only
        pull the edge lines out of ~
    """,
    "contour": """
        make a contour picture from ~
        draw the contours of ~
        show the contour of ~
        extract the contours from ~
        outline the objects in ~
        give me the outlines of ~
        turn ~ into a contour drawing
        find the contours of the things in ~
        get the object outlines of ~
        create a contour map of ~
        produce contours for ~
        trace the contours in ~
        generate the outline of ~
        trace around the objects in ~
        convert ~ to contours
        show only the silhouettes' borders of ~
    """,
    "scribble": """
        generate a scribble of ~
        turn ~ into a scribble
        make a scribble from ~
        scribble ~
        draw ~ as a rough scribble
        give me a scribble of ~
        make a quick scribble of ~
        convert ~ into a rough line scribble
        sketch ~ roughly as a scribble
        get a scribble for ~
        create a scribble drawing of ~
        produce a scribble of ~
        show ~ as a scribble
        reduce ~ to a hand-drawn scribble
        render a loose scribble of ~
        scrawl ~ with a thick pen
    """,
    "doodle": """
        turn ~ into a doodle
        make a doodle of ~
        doodle ~
        draw ~ as a doodle
        convert ~ to a coloured doodle
        give me a doodle version of ~
        create a doodle from ~
        make ~ look like a doodle
        redraw ~ as a crayon doodle
        generate a doodle of ~
        i need a doodle of ~
        produce a doodle from ~
        show ~ as a doodle
        change ~ into a simple doodle
        render ~ as a child's doodle
        transform ~ to doodle lines
    """,
    "grayscale": """
        transform ~ into a black and white one
        make ~ black and white
        turn ~ black and white
        convert ~ to grayscale
        remove the colour from ~
        make ~ gray
        drain the color out of ~
        give me ~ in black and white
        change ~ to black and white
        turn ~ into a grayscale image
        make ~ monochrome
        desaturate ~
        show ~ in shades of gray
        take all colour out of ~
        render ~ without any color
        convert ~ to a monochrome picture
    """,
    "mosaic": """
        adapt ~ into a mosaic representation
        make a mosaic of ~
        turn ~ into a mosaic
        pixelate ~
        cover ~ with a mosaic
        censor ~ with big pixels
        convert ~ to mosaic
        put a mosaic over ~
        make ~ blocky like a mosaic
        give ~ a mosaic effect
        apply a mosaic to ~
        mosaic ~
        transform ~ into mosaic tiles
        blur ~ into large square blocks
        show ~ as coarse pixel tiles
        hide the details of ~ with a mosaic
    """,
    "degrade": """
        lower the quality of ~
        degrade ~
        make ~ worse
        reduce the quality of ~
        make ~ look low quality
        spoil ~
        ruin the quality of ~
        make ~ a bad quality picture
        give me a worse version of ~
        damage the quality of ~
        deteriorate ~
        turn ~ into a poor quality image
        decrease the quality of ~
        worsen the look of ~
        make ~ a low-grade picture
        let ~ look like a poor copy
    """,
    "degrade_kind": """
        add <flaw> to ~
        put <flaw> on ~
        lower the quality of ~ with <flaw>
        degrade ~ by adding <flaw>
        give ~ <flaw>
        make ~ worse with <flaw>
        spoil ~ with <flaw>
        simulate <flaw> in ~
        let ~ suffer from <flaw>
        apply <flaw> to ~
        introduce <flaw> into ~
        bring <flaw> to ~
        mix <flaw> into ~
        ruin ~ by means of <flaw>
        deteriorate ~ using <flaw>
        overlay ~ with <flaw>
    """,
    # ---- controllable generation
    "segment_to_image": """
        following the segmentation^, develop a real-life image of "<caption>"
        turn the segmentation^ into a picture of "<caption>"
        use the segmentation^ to create "<caption>"
        from the segmentation map^ make "<caption>"
        fill the segmentation^ with "<caption>"
        create an image of "<caption>" from the segmentation map^
        paint "<caption>" following the segmentation^
        make a picture of "<caption>" out of the label map^
        generate "<caption>" based on the segmentation^
        convert the segmentation^ to "<caption>"
        given the segmentation^, draw "<caption>"
        produce "<caption>" that fits the segmentation^
        build "<caption>" on the segmentation^
        render "<caption>" according to the label map^
        bring the segmentation^ to life as "<caption>"
        realize "<caption>" from the class map^
    """,
    "depth_to_image": """
        use the depth map^ and the caption "<caption>" to create an image
        turn the depth map^ into "<caption>"
        from the depth^ make "<caption>"
        generate "<caption>" following the depth map^
        create a picture of "<caption>" with the depth^
        paint "<caption>" on the depth map^
        convert the depth map^ to a picture of "<caption>"
        make "<caption>" that has the depth^
        given the depth map^, draw "<caption>"
        use the depth^ for "<caption>"
        produce "<caption>" from the depth map^
        following depth^, make "<caption>"
        render "<caption>" guided by the depth map^
        show "<caption>" as the depth^ tells
        develop "<caption>" out of the depth map^
        realize "<caption>" with the distances of ~
    """,
    "pose_to_image": """
        translate this posture^ into a coloured image of "<caption>"
        turn the pose^ into "<caption>"
        use the pose^ to create "<caption>"
        from the skeleton^ make "<caption>"
        generate "<caption>" in the pose of ~
        draw "<caption>" following the pose^
        create a picture of "<caption>" with the posture^
        paint "<caption>" on the skeleton^
        convert the pose^ to an image of "<caption>"
        make "<caption>" with this pose^
        given the pose^, draw "<caption>"
        produce "<caption>" that takes the pose^
        dress the skeleton^ as "<caption>"
        render "<caption>" according to the posture^
        let "<caption>" stand like the stick figure^
        realize "<caption>" from the keypoints^
    """,
    "edge_to_image": """
        convert the edge map^ into a picture of "<caption>"
        turn the edges^ into "<caption>"
        from the edge map^ make "<caption>"
        use the edges^ to create "<caption>"
        fill in the edges^ as "<caption>"
        generate "<caption>" following the edge map^
        create a picture of "<caption>" from the edges^
        paint "<caption>" over the edge map^
        color the edge map^ to get "<caption>"
        make "<caption>" out of the edges^
        given the edges^, draw "<caption>"
        produce "<caption>" that fits the edge map^
        develop the edges^ to "<caption>"
        render "<caption>" guided by the edge lines^
        bring the edges^ to life: "<caption>"
        realize "<caption>" from the canny map^
    """,
    "contour_to_image": """
        from the contour^ create "<caption>"
        turn the contour^ into "<caption>"
        use the contours^ to make "<caption>"
        fill the outline^ with "<caption>"
        generate "<caption>" following the contour^
        create a picture of "<caption>" from the outline^
        paint "<caption>" inside the contour^
        convert the contour^ to "<caption>"
        make "<caption>" out of the contour picture^
        color in the contour^ as "<caption>"
        given the contour^, draw "<caption>"
        produce "<caption>" that fits the outline^
        develop the contour^ to "<caption>"
        render "<caption>" within the outlines^
        bring the contour^ to life as "<caption>"
        realize "<caption>" from these outlines^
    """,
    "scribble_to_image": """
        ="<caption>", generate the image that corresponds to the scribble^
        turn the scribble^ into "<caption>"
        make the scribble^ into "<caption>"
        use the scribble^ to create "<caption>"
        from the scribble^ draw "<caption>"
        generate "<caption>" following the scribble^
        create a picture of "<caption>" from my scribble^
        convert the scribble^ to an image of "<caption>"
        paint "<caption>" from this scribble^
        finish the scribble^ as "<caption>"
        given the scribble^, draw "<caption>"
        produce "<caption>" from the scribble^
        develop the scribble^ to "<caption>"
        render "<caption>" along the scrawl^
        bring the scribble^ to life as "<caption>"
        realize "<caption>" out of the rough scribble^
    """,
    "doodle_to_image": """
        make the doodle^ into "<caption>"
        turn the doodle^ into "<caption>"
        use the doodle^ to create "<caption>"
        from the doodle^ make a picture of "<caption>"
        generate "<caption>" following the doodle^
        finish the doodle^ as "<caption>"
        create "<caption>" from my doodle^
        convert the doodle^ to an image of "<caption>"
        paint "<caption>" from this doodle^
        color the doodle^ properly as "<caption>"
        given the doodle^, draw "<caption>"
        produce "<caption>" from the doodle^
        develop the doodle^ to "<caption>"
        render "<caption>" after the doodle^
        bring the doodle^ to life as "<caption>"
        realize "<caption>" out of the crayon doodle^
    """,
    "colorize": """
        make ~ colourful, as per "<caption>"
        colorize ~: "<caption>"
        color ~ as "<caption>"
        add color to ~, it shows "<caption>"
        colourise ~ to show "<caption>"
        turn ~ into a color picture of "<caption>"
        bring color to ~ according to "<caption>"
        paint ~ in color, "<caption>"
        give ~ its colours, "<caption>"
        make ~ a colour image: "<caption>"
        put colors into ~, "<caption>"
        fill ~ with color as in "<caption>"
        colour ~ following "<caption>"
        tint the gray picture^ so that it shows "<caption>"
        restore natural color to ~: "<caption>"
        render ~ in full colour as "<caption>"
    """,
    "demosaic": """
        clear the mosaic from ~
        remove the mosaic from ~
        take away the mosaic in ~
        undo the pixelation of ~
        make ~ sharp again without the mosaic
        get rid of the mosaic in ~
        de-pixelate ~
        restore ~ from its mosaic
        uncover what is behind the mosaic of ~
        reveal the picture under the mosaic^
        unmosaic ~
        resolve the mosaic in ~
        clean the blocks off ~
        rebuild ~ without the square blocks
        eliminate the mosaic of ~
        see through the pixelation in ~
    """,
    "restore": """
        restore ~
        remove the <flaw> from ~
        clean the <flaw> out of ~
        get rid of the <flaw> in ~
        fix the <flaw> in ~
        take the <flaw> out of ~
        repair ~, it has <flaw>
        restore ~ by removing the <flaw>
        improve ~ by removing the <flaw>
        make ~ clean, without <flaw>
        clear ~ of its <flaw>
        undo the <flaw> in ~
        enhance ~ and remove the <flaw>
        free ~ from the <flaw>
        eliminate the <flaw> in ~
        recover ~ from its <flaw>
    """,
    # ---- semantic editing
    "edit_color": """
        make <the>@ <color>
        change the color of <the>@ to <color>
        turn <the>@ <color>
        paint <the>@ <color>
        recolor <the>@ to <color>
        give <the>@ <a_color> color
        color <the>@ <color>
        let <the>@ be <color>
        i want <the>@ in <color>
        make <the>@ look <color>
        switch <the>@ to <color>
        =<color> for <the>@
        set the colour of <the>@ to <color>
        dye <the>@ <color>
        i'd prefer <the>@ to be <color>
        colour <the> <color>@
        have <the>@ painted in <color>
        swap the colour of <the>@ for <color>
    """,
    "edit_texture": """
        make <the>@ look like <texture>
        turn <the>@ into <texture>
        give <the>@ <a_texture> texture
        make <the>@ out of <texture>
        cover <the>@ with <texture>
        let <the>@ be made of <texture>
        change the material of <the>@ to <texture>
        change the texture of <the>@ to <texture>
        i want <the>@ made of <texture>
        retexture <the>@ as <texture>
        let <the>@ look as if made of <texture>
        =<texture> texture for <the>@
        set the surface of <the>@ to <texture>
        coat <the>@ in <texture>
        have <the>@ built from <texture>
        swap the material of <the>@ for <texture>
    """,
    "motion_flip": """
        let <the>@ face the other way
        flip <the>@
        turn <the>@ around
        make <the>@ look in the other direction
        mirror <the>@
        have <the>@ face the other direction
        let <the>@ look the other way
        turn <the>@ the other way round
        have <the>@ face the opposite direction
        mirror <the>@ left to right
        reverse <the>@
        let <the>@ turn round
        make <the>@ turn around
        flip <the>@ horizontally
        have <the>@ look the opposite way
        swing <the>@ around
    """,
    "motion_move": """
        move <the>@ to the <side>
        shift <the>@ to the <side>
        put <the>@ on the <side>
        place <the>@ further to the <side>
        let <the>@ move <side>
        move <the> <side>@
        push <the>@ to the <side>
        slide <the>@ to the <side>
        bring <the>@ over to the <side>
        move <the>@ to the <side> side
        drag <the>@ to the <side>
        let <the>@ go to the <side>
        have <the>@ on the <side> side
        relocate <the>@ to the <side>
        nudge <the>@ towards the <side>
        let <the>@ stand on the <side> instead
    """,
    "motion_bigger": """
        make <the>@ bigger
        enlarge <the>@
        make <the>@ larger
        scale up <the>@
        let <the>@ grow
        increase the size of <the>@
        i want a bigger <thing>@
        make <the>@ much bigger
        grow <the>@
        bring <the>@ closer
        blow up <the>@
        let <the>@ be larger
        upsize <the>@
        have <the>@ take more room
        magnify <the>@
        let <the>@ come nearer
    """,
    "motion_smaller": """
        make <the>@ smaller
        shrink <the>@
        scale down <the>@
        reduce the size of <the>@
        let <the>@ shrink
        make <the>@ tiny
        i want a smaller <thing>@
        make <the>@ much smaller
        decrease the size of <the>@
        let <the>@ be smaller
        make <the>@ little
        turn <the>@ small
        downsize <the>@
        have <the>@ take less room
        diminish <the>@
        let <the>@ be further away
    """,
    "motion_pose": """
        let <the>@ be <pose>
        change the pose of <the>@ to <pose>
        make <the>@ be <pose>
        i want <the>@ <pose>
        show <the>@ <pose>
        draw <the>@ <pose>
        pose <the>@ so that they are <pose>
        have <the>@ <pose>
        put <the>@ in another pose: <pose>
        let <the>@ appear <pose>
        get <the>@ <pose>
        now with <the>@ <pose>
        set the posture of <the>@ to <pose>
        let us see <the>@ <pose>
        rearrange <the>@ to be <pose>
        repose <the>@: <pose>
    """,
    "scene_place": """
        change the background of ~ to <place>
        put <them> <at>
        replace the background with <place>
        change the background to <place>
        make the background <place>
        set ~ <at>
        move the scene to <place>
        let ~ take place <at>
        give ~ <place> as its background
        =<place> as the background
        use <place> as background for ~
        i want the background to be <place>
        change the scene of ~ to <place>
        =put everything <at>
        swap the backdrop of ~ for <place>
        transport <them> to <place>
        relocate the scene <at>
        have <place> behind <them>
    """,
    "scene_time": """
        make it <time>
        change ~ to <time>
        turn ~ into a <time> scene
        let it be <time>@
        change the time of day@ to <time>
        set the time@ to <time>
        make ~ look like <time>
        show ~ <at_time>
        i want ~ <at_time>
        =<time> please
        turn the scene@ to <time>
        change the lighting@ to <time>
        shift ~ to <time>
        relight ~ for <time>
        have ~ happen <at_time>
        bring <time> to ~
    """,
    "scene_weather": """
        make it <weather>@
        let it <falls>@
        add <falling>@
        change the weather@ to <falling>
        add <falling> to ~
        put <falling> in ~
        fill ~ with <falling>
        i want <falling>@
        =let there be <falling>@
        give ~ some <falling>
        =<falling> in ~
        bring <falling> into ~
        set the weather@ to <falling>
        have it <falls>@
        cover ~ with <falling>
        introduce <falling> to the scene@
    """,
    "scene_clear": """
        make the weather clear@
        remove the <falling>@
        stop the <falling>@
        clear up the weather@
        take away the <falling>@
        let the sky clear@
        get rid of the <falling>@
        no <falling>@
        make it sunny and clear@
        end the <falling>@
        let the <falling> stop@
        change the weather@ to clear
        have no more <falling>@
        bring back clear weather@
        clear away the <falling>@
        dispel the <falling>@
    """,
    "face_expression": """
        let <the>@ <verb>
        make <the>@ <verb>
        change the expression of <the>@ to <mood>
        make the face of <the>@ <mood>
        i want <the>@ to <verb>
        give <the>@ <a_mood> face
        make <the>@ look <mood>
        have <the>@ <verb>
        let <the>@ look <mood>
        get <the>@ to <verb>
        =<the>@ should <verb>
        turn the expression of <the>@ <mood>
        cause <the>@ to <verb>
        let <the>@ have <a_mood> expression
        switch the face of <the>@ to <mood>
        put <a_mood> look on <the>@
    """,
    "face_hair": """
        give <the>@ <hair>
        change the hair of <the>@ to <hair>
        make <the>@ have <hair>
        let <the>@ have <hair>
        =<hair> for <the>@
        i want <the>@ with <hair>
        change the hairstyle of <the>@ to <hair>
        make the hair of <the>@ <hair>
        let <the>@ wear <hair>
        turn the hair of <the>@ into <hair>
        show <the>@ with <hair>
        have <the>@ with <hair>
        restyle <the>@ to <hair>
        switch <the>@ to <hair>
        let the hair of <the>@ be <hair>
        style <the>@ with <hair>
    """,
    "face_wear": """
        give <the>@ <worn>
        put <worn> on <the>@
        let <the>@ wear <worn>
        add <worn> to <the>@
        make <the>@ wear <worn>
        i want <the>@ with <worn>
        =<worn> for <the>@
        show <the>@ with <worn>
        place <worn> on the face of <the>@
        add <worn>@ for <the>
        have <the>@ wear <worn>
        let <the>@ have <worn> on
        equip <the>@ with <worn>
        fit <the>@ with <worn>
        let us see <the>@ in <worn>
        slip <worn> on <the>@
    """,
    "edit_style": """
        change ~ to <style>
        turn ~ into <style>
        make ~ look like <style>
        convert ~ to <style>
        redraw ~ as <style>
        make ~ <style>
        give ~ the look of <style>
        render ~ as <style>
        i want ~ as <style>
        transform ~ into <style>
        show ~ as <style>
        repaint ~ as <style>
        =<style> version of ~
        restyle ~ as <style>
        let ~ appear as <style>
        switch the style of ~ to <style>
        reimagine ~ as <style>
        make ~ over to be <style>
    """,
    "general_adjust": """
        make ~ <how>
        let ~ be <how>
        i want ~ <how>
        turn ~ <how>
        change ~ so that it is <how>
        adjust ~ to be <how>
        =~ should be <how>
        make the whole picture <how>
        edit ~ to be <how>
        get ~ <how>
        have ~ <how>
        set ~ to be <how>
        render ~ <how>
        alter ~ to look <how>
        tweak ~ until it is <how>
        modify ~ to appear <how>
    """,
    "general_both": """
        <first> and <second>
        <first>, and also <second>
        <first>, then <second>
        <first>, <second>
        <first> and then <second>
        both <first> and <second>
        <first> while you <second>
        first <first>, then <second>
        <first>; <second>
        <first> plus <second>
        <first>, after that <second>
        <first> as well as <second>
        <first> together with this: <second>
        <first>, and finally <second>
        <first>, additionally <second>
        <first>, followed by: <second>
    """,
    "general_swap": """
        swap <the> and <other>@
        exchange the places of <the> and <other>@
        let <the> and <other>@ change places
        switch <the> with <other>@
        swap the positions of <the> and <other>@
        put <the> where <other> is@ and the other way round
        make <the> and <other>@ trade places
        exchange <the> and <other>@
        let <the> and <other>@ swap sides
        interchange <the> and <other>@
        trade the spots of <the> and <other>@
        swap around <the> and <other>@
        reverse the positions of <the> and <other>@
        have <the> and <other>@ switch sides
        flip the order of <the> and <other>@
        transpose <the> and <other>@
    """,
    "general_double": """
        duplicate <the>@
        add another <thing>@
        make it two <things>@
        copy <the>@
        put a second <thing>@ next to it
        double <the>@
        i want two <things>@
        clone <the>@
        =one more <thing>@
        add one more <thing>@
        repeat <the>@
        let there be two <things>@
        have two <things>@
        replicate <the>@
        place a copy of <the>@ beside it
        give <the>@ a twin
    """,
    # ---- element editing
    "add": """
        add <a>@
        add <a> to ~
        put <a> in ~
        place <a>@
        insert <a> into ~
        draw <a>@
        let there be <a>@
        i want <a>@
        include <a>@
        =there should be <a>@
        add <a> to the scene@
        put in <a>@
        =now with <a>
        bring <a> into ~
        give ~ <a>
        introduce <a> to ~
        have <a> appear@
        drop <a> into ~
    """,
    "add_where": """
        add <a> on the <side>@
        put <a> on the <side> of ~
        place <a> on the <side>@
        draw <a> on the <side>@
        insert <a> at the <side>@
        add <a> to the <side> of <the>@
        put <a> next to <the>@
        place <a> beside <the>@
        add <a> next to <the>@
        =<a> on the <side>@
        let there be <a> on the <side>@
        include <a> on the <side> side@
        have <a> on the <side>@
        set <a> down on the <side>@
        bring in <a> on the <side> side@
        position <a> on the <side>@
    """,
    "add_wear": """
        add <a> to <the>@
        put <a> on <the>@
        give <the>@ <a>
        let <the>@ wear <a>
        place <a> on the head of <the>@
        make <the>@ wear <a>
        i want <the>@ with <a>
        add <a> on <the>@
        dress <the>@ with <a>
        =<a> for <the>@
        put <a> on top of <the>@
        have <the>@ wear <a>
        let <the>@ have <a> on
        crown <the>@ with <a>
        set <a> on <the>@
        equip <the>@ with <a>
    """,
    "remove": """
        remove <the>@
        remove <the> from ~
        erase <the>@
        delete <the>@
        take away <the>@
        get rid of <the>@
        take <the> out of ~
        wipe <the> from ~
        make <the>@ disappear
        i don't want <the>@
        =no <thing>@
        clear away <the>@
        =without <the>
        drop <the>@
        cut out <the> from ~ and fill the gap
        eliminate <the>@
        let <the>@ vanish
        strip <the> from ~
    """,
    "replace": """
        turn <the>@ into <a>
        replace <the>@ with <a>
        change <the>@ to <a>
        make <the>@ <a>
        swap <the>@ for <a>
        put <a> in place of <the>@
        exchange <the>@ for <a>
        substitute <the>@ with <a>
        let <the>@ become <a>
        i want <a> instead of <the>@
        transform <the>@ into <a>
        =<a> instead of <the>@
        convert <the>@ into <a>
        have <a> where <the> is@
        trade <the>@ for <a>
        switch <the>@ out for <a>
    """,
    "render_text": """
        put the text "<words>" at the <where> of ~
        write "<words>" at the <where> of ~
        add the text "<words>" at the <where>@
        write "<words>" on ~ at the <where>
        put "<words>" at the <where>@
        print "<words>" at the <where> of ~
        add the words "<words>" at the <where>@
        place the text "<words>" at the <where> of ~
        put the lettering "<words>" at the <where>@
        =the text "<words>" at the <where>@
        set "<words>" at the <where> of ~
        label ~ "<words>" at the <where>
        letter "<words>" at the <where> of ~
        caption ~ with "<words>" at the <where>
    """,
    "render_text_color": """
        write <color> "<words>" at the <where> of ~
        add <color> text "<words>" at the <where>@
        add the text "<words>" in <color> at the <where>@
        write "<words>" in <color> at the <where> of ~
        print "<words>" in <color> on ~ at the <where>
        put <color> words "<words>" at the <where>@
        add <color> letters "<words>" at the <where> of ~
        put "<words>" in <color> at the <where>@
        put the words "<words>" in <color> at the <where>@
        set "<words>" in <color> at the <where> of ~
        place <color> text "<words>" at the <where>@
        letter "<words>" in <color> at the <where> of ~
        caption ~ with <color> letters "<words>" at the <where>
        label ~ "<words>" in <color> at the <where>
    """,
    "remove_text": """
        wipe the lettering from ~
        remove the text from ~
        remove the text@
        erase the words@
        delete the text@
        take the writing off ~
        get rid of the text@
        clear the letters from ~
        remove "<words>" from ~
        erase the text "<words>"@
        take away the words@
        make the text@ disappear
        clean ~ of its lettering
        strip the words "<words>" from ~
        let the writing@ vanish
        drop the caption from ~
    """,
    # ---- repainting
    "inpaint": """
        refashion the mask portion of ~
        fill in the masked part of ~
        repaint the masked area of ~
        complete the masked region of ~
        inpaint ~
        fill the hole in ~
        restore the masked area of ~
        paint the missing part of ~
        complete ~ where it is masked
        fill in what is missing in ~
        redo the masked portion of ~
        fill the gap in ~
        reconstruct the masked region in ~
        patch the blank spot of ~
        finish the covered part of ~
        make up the missing region of ~
    """,
    "inpaint_caption": """
        refashion the mask portion of ~ in accordance with "<caption>"
        fill in the masked part of ~ with "<caption>"
        repaint the masked area of ~ as "<caption>"
        inpaint ~: "<caption>"
        complete the masked region of ~ to show "<caption>"
        fill the hole in ~ so that it shows "<caption>"
        paint the missing part of ~, "<caption>"
        put "<caption>" into the masked area of ~
        redo the masked portion of ~ to be "<caption>"
        fill the gap in ~ following "<caption>"
        reconstruct the masked region in ~: "<caption>"
        finish ~ in the mask, it shows "<caption>"
        make the masked region of ~ "<caption>"
        patch the blank spot of ~ with "<caption>"
        render "<caption>" into the hole of ~
        realize "<caption>" where ~ is masked
    """,
    "outpaint": """
        widen ~ within the space designated by the mask
        extend ~
        extend ~ into the masked area
        outpaint ~
        make ~ larger by painting the border
        continue ~ beyond its edges
        expand ~ into the masked space
        fill the surroundings of ~
        zoom out of ~
        paint what lies around ~
        uncrop ~
        grow ~ outwards
        enlarge the canvas of ~ and fill it
        add more of the scene around ~
        stretch the view of ~ into the mask
        complete the outside of ~
    """,
    # ---- layer editing
    "extract_foreground": """
        cut <the> out of ~
        extract <the> from ~
        isolate <the>@
        keep only <the>@
        cut out <the>@
        show only <the>@ on white
        get <the> out of ~
        separate <the> from the background@
        give me just <the>@
        crop <the> out of ~, white background
        lift <the> out of ~
        pull <the> from ~
        remove everything but <the>@
        single out <the>@
        free <the>@ from its background
        leave nothing but <the>@
    """,
    "extract_background": """
        keep only the background of ~
        extract the background of ~
        show only the background of ~
        remove everything but the background of ~
        give me the empty background of ~
        get the background of ~
        i want just the background of ~
        take all objects out of ~
        clear everything from ~ except the background
        leave only the background@
        empty the scene of ~
        show ~ without any objects
        isolate the background of ~
        reveal the bare backdrop of ~
        delete the whole foreground of ~
        strip ~ down to its background
    """,
    "fuse_layers": """
        fuse {image} with {image1}
        combine {image} and {image1}
        put the object of {image1} into {image}
        place {image1} on {image}
        merge {image} with {image1}
        paste what is in {image1} onto {image}
        insert the thing from {image1} into {image}
        blend {image1} into {image}
        overlay {image} with {image1}
        add the foreground of {image1} to the background {image}
        compose {image} and {image1} into one picture
        layer {image1} over {image}
        unite {image} and {image1}
        join {image1} as the foreground with {image} as the background
        drop the cutout {image1} into {image}
        stack {image1} on top of {image}
    """,
    # ---- reference generation
    "subject_reference": """
        ={image} the same <thing> <at>
        ={image}, the same <thing> <at>
        ={image} this <thing> <at>
        put the <thing> of {image} <at>
        show the <thing> from {image} <at>
        draw the same <thing> as in {image} <at>
        make a picture of the <thing> of {image} <at>
        ={image}{image1} the same <thing> <at>
        ={image}{image1}, this <thing> <at>
        take the <thing> of {image} and show it <at>
        paint the <thing> from {image} <at>
        generate the <thing> of {image} <at>
        ={image} now the same <thing> <at>
        imagine the <thing> of {image} <at>
        ={image}{image1} once more the <thing>, <at>
        let the <thing> from {image} appear <at>
        render this <thing> {image} <at>
        ={image} again that <thing>, <at>
    """,
    "face_reference": """
        ={image}, the same person <as>
        ={image} the same person <as>
        show the person of {image} <as>
        draw the person from {image} <as>
        make a picture of the person in {image} <as>
        put the person of {image} in a new picture <as>
        ={image} this person <as>
        ={image}{image1} the same person <as>
        generate the face of {image} <as>
        paint the same person as in {image} <as>
        take the person from {image} and show them <as>
        ={image}, now <as>
        let the person in {image} appear <as>
        render this person {image} <as>
        ={image} again that person, <as>
        imagine whoever is in {image} <as>
    """,
    "style_reference": """
        edit {image} in the style of {image1}
        make {image} look like {image1}
        give {image} the style of {image1}
        change {image} to the style of {image1}
        redraw {image} in the style of {image1}
        transfer the style of {image1} to {image}
        apply the look of {image1} to {image}
        turn {image} into the style of {image1}
        use the style of {image1} for {image}
        repaint {image} with the style of {image1}
        restyle {image} after {image1}
        render {image} like {image1}
        let {image} take the style of {image1}
        match {image} to the style seen in {image1}
        convert {image} so that it resembles {image1} in style
        imitate {image1}'s style in {image}
    """,
    "style_reference_caption": """
        ="<caption>" in the style of {image}
        draw "<caption>" in the style of {image}
        make "<caption>" look like {image}
        create "<caption>" with the style of {image}
        paint "<caption>" in the same style as {image}
        generate "<caption>" in the style of {image}
        ="<caption>", same style as {image}
        use the style of {image} for "<caption>"
        show "<caption>" drawn like {image}
        produce "<caption>" in the manner of {image}
        with the style of {image}, draw "<caption>"
        ="<caption>" styled like {image}
        ="<caption>" after the style of {image}
        render "<caption>" to match the style of {image}
        imitate the style of {image}: "<caption>"
        ="<caption>", in the fashion of {image}
    """,
    "try_on": """
        change the cloth in {image} to the one in {image1}
        dress the person in {image} with the garment of {image1}
        let the person in {image} wear {image1}
        put the clothes of {image1} on the person in {image}
        make the person in {image} wear what is in {image1}
        try {image1} on the person in {image}
        replace the clothing in {image} by {image1}
        swap the outfit in {image} for the one in {image1}
        =the person in {image} should wear {image1}
        have {image} wear the clothes from {image1}
        put the outfit {image1} onto {image}
        change what the person in {image} wears to {image1}
        fit the garment in {image1} to the person in {image}
        clothe the person of {image} with {image1}
        let us see {image1} worn by the person in {image}
        transfer the garment of {image1} onto {image}
    """,
    "face_swap": """
        put the face of {image1} on the person in {image}
        swap the face in {image} with the one in {image1}
        replace the face in {image} by that of {image1}
        give the person in {image} the face of {image1}
        let the person in {image} have the face from {image1}
        change the face in {image} to {image1}
        swap faces: {image1} onto {image}
        paste the face of {image1} onto {image}
        use the head of {image1} for the person in {image}
        put the head of {image1} on {image}
        exchange the face of {image} for the one in {image1}
        transfer the face of {image1} to {image}
        let {image} wear the face of {image1}
        substitute the face in {image} with {image1}'s
        fit {image1}'s face onto the person in {image}
        make the person of {image} look like the one in {image1}
    """,
    "multi_control": """
        follow the <kind> {image} and the <kind1> {image1}: "<caption>"
        use the <kind> {image} and the <kind1> {image1} to make "<caption>"
        create "<caption>" from the <kind> {image} and the <kind1> {image1}
        with the <kind> {image} and the <kind1> {image1}, draw "<caption>"
        combine the <kind> {image} and the <kind1> {image1} into "<caption>"
        turn the <kind> {image} and <kind1> {image1} into "<caption>"
        generate "<caption>" following the <kind> {image} and the <kind1> {image1}
        from the <kind> {image} and the <kind1> {image1} make "<caption>"
        paint "<caption>" guided by the <kind> {image} and the <kind1> {image1}
        given the <kind> {image} and the <kind1> {image1}, make "<caption>"
        merge the <kind> {image} with the <kind1> {image1} to get "<caption>"
        make "<caption>" out of the <kind> {image} and the <kind1> {image1}
        produce "<caption>" under the <kind> {image} and the <kind1> {image1}
        render "<caption>" according to the <kind> {image} plus the <kind1> {image1}
        realize "<caption>" with both the <kind> {image} and the <kind1> {image1}
        let the <kind> {image} and the <kind1> {image1} guide "<caption>"
    """,
    # ---- long context
    "bring_back": """
        bring back <the>
        put back <the>
        put <the> back
        bring <the> back
        restore <the>
        add <the> again as it was
        i want <the> back
        put back <the> from the first picture
        let <the> come back
        undo the removal of <the>
        return <the>
        have <the> back where it was
        reinstate <the>
        get <the> back from before
        let <the> reappear
        recover <the> that was there
    """,
    "undo": """
        undo the last change
        undo that
        undo
        go back to the picture before
        revert the last edit
        take back the last change
        undo the last step
        go back one step
        return to the previous picture
        cancel the last edit
        revert that
        make it as it was before
        step back once
        reverse what you just did
        restore the former version
        throw away the last change
    """,
    "same_style": """
        =<caption> in the same style as before
        draw <caption> in the same style
        make <caption> in the style of before
        =<caption>, same style
        now <caption> in the same style as the last picture
        generate <caption> in that style too
        do <caption> in the previous style
        paint <caption> in the same style as the first picture
        create <caption> the same way
        =<caption>, again in this style
        now draw <caption>, keep the style
        =<caption> with the style from before
        keep the style and show <caption>
        continue in this style with <caption>
        =likewise <caption>, in an equal style
        render <caption> matching the former style
    """,
    "same_place": """
        =<caption> in the same place
        put <caption> in the same place
        draw <caption> in the same scene
        show <caption> in the same place as before
        =<caption>, same background
        now <caption> with the same background
        make <caption> on the same background as before
        paint <caption> in that place too
        =now <caption>, keep the background
        create <caption> in the place from before
        place <caption> in front of the previous background
        =<caption> with the earlier background
        use the old backdrop for <caption>
        keep the surroundings and show <caption>
        =likewise <caption>, at the same spot
        render <caption> where the last picture was
    """,
    "object_of_first": """
        put <the> of the first picture into ~
        add <the> from the first picture
        bring <the> of the first picture into ~
        place <the> from the first image in ~
        insert <the> of the first picture here
        add <the> of the first image to ~
        take <the> from the first picture and put it in ~
        i want <the> of the first picture in ~
        copy <the> from the first picture into ~
        let <the> of the first picture appear in ~
        have <the> from the first image in ~ too
        reuse <the> of the first picture in ~
        fetch <the> from picture one into ~
        include <the> seen in the first picture
        transfer <the> out of the first image to ~
        drop the first picture's <thing> into ~
    """,
}
