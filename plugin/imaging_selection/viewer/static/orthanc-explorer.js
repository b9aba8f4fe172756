// Runs in Orthanc Explorer, beside the scripts of other plugins: it defines no global name.
$(document).on("pagebeforeshow", "#instance", function () {
  "use strict";
  var STRUCTURE_SET = "1.2.840.10008.5.1.4.1.1.481.3";
  var identity = $.mobile.pageData ? $.mobile.pageData.uuid : undefined;
  $("#imaging-selection-button").remove();
  if (!/^[0-9a-f]{8}(-[0-9a-f]{8}){4}$/.test(identity || "")) {
    return;
  }
  $.get("../instances/" + identity + "/metadata/SopClassUid", function (sopClass) {
    // By now, another instance may be shown; or this response is the second one.
    if (sopClass !== STRUCTURE_SET || identity !== $.mobile.pageData.uuid) {
      return;
    }
    $("#imaging-selection-button").remove();
    $("<a>", {
      id: "imaging-selection-button",
      "data-role": "button",
      "data-icon": "search",
      "data-theme": "e",
      href: "../imaging-selection/structure-sets/" + identity,
      target: "_blank",
      rel: "noopener",
      text: "Show the structure set",
    })
      .insertAfter($("#instance-access"))
      .button();
  }, "text");
});
